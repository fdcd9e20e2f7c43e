#include "proxy/upstream/clients_handler.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/stored_request.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

using Words = ControlQuestion::Command;

constexpr std::string_view kSyntaxError = "-ERR syntax error\r\n";
/// No client has this id, nor this address.
constexpr std::string_view kNobodysId = "9223372036854775807";
constexpr std::string_view kNobodysAddress = "-";

/// A number in Redis' strict form: as it would be printed.
std::optional<std::int64_t> integer_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || std::to_string(value) != text) return std::nullopt;
  return value;
}

std::optional<ClientFilter::Type> type_of(std::string_view word) {
  if (is_word(word, "normal")) return ClientFilter::Type::normal;
  if (is_word(word, "pubsub")) return ClientFilter::Type::pubsub;
  if (is_word(word, "master") || is_word(word, "replica") || is_word(word, "slave")) {
    return ClientFilter::Type::server;
  }
  return std::nullopt;
}

/// The ids from argument `at` on, as far as there are any; returns where they end.
std::size_t read_ids(const Request& request, std::size_t at, ClientFilter& filter) {
  for (; at < request.argc(); ++at) {
    const auto id = integer_of(request.arg(at));
    if (!id) break;
    filter.ids.push_back(static_cast<std::uint64_t>(*id));
  }
  return at;
}

/// What Redis is asked: the same, but that it fits none of its own connections and pauses nobody.
/// What it refuses is asked as it came.
Words question_of(const Request& request) {
  Words words;
  for (std::size_t i = 0; i < request.argc(); ++i) words.emplace_back(request.arg(i));
  const std::string_view name = request.command->name;
  if (name == "client|kill") {
    // A word alone is an address; an option without a value is refused below. The last address
    // counts.
    if (words.size() % 2 != 0) words.pop_back();
    words.emplace_back("ADDR");
    words.emplace_back(kNobodysAddress);
  } else if (name == "client|list") {
    if (words.size() == 2) {
      words.emplace_back("ID");
      words.emplace_back(kNobodysId);
    } else if (words.size() == 4 && is_word(words[2], "type") && type_of(words[3])) {
      words[3] = "master";
    }
  } else if (name == "client|pause") {
    if (integer_of(words[2]).value_or(-1) >= 0) words[2] = "0";
  }
  return words;
}

}  // namespace

Taken ClientsHandler::handle(Client& client, Request& request) {
  const bool is_list = request.command->name == "client|list";
  // Who may see whom cannot be asked while Redis is away; the operator's own user sees all.
  const bool may_always = is_list && client.context().user == kUpstreamUser;
  SlotHandle slot = client.open_slot(request);
  if (!upstream_.circuit().allows()) {
    if (may_always) {
      slot.complete(perform(client, request, client.context().resp));
    } else {
      upstream_.refuse(std::move(slot));
    }
    return Taken::yes;
  }
  // What it sends next is for after this.
  const bool pauses = !client.is_captured();
  if (pauses) client.pause();
  upstream_.control().ask(
      {.user = client.context().user,
       .commands = {question_of(request)},
       .overtakes = true,
       .is_for_client = true},
      request.arrived + upstream_.settings().timeout.total,
      [this, may_always, pauses, resp = client.context().resp, weak = client.weak_from_this(),
       stored = std::make_shared<const StoredRequest>(request),
       held = std::make_shared<SlotHandle>(std::move(slot))](const ControlAnswer& answer) {
        const auto asker = weak.lock();
        if (asker == nullptr) {
          held->abandon();
          return;
        }
        if (answer.kind == ControlAnswer::Kind::reply && stored->name() == "client|pause") {
          pause(*asker, stored->view(), held, pauses);
          return;
        }
        if (answer.kind == ControlAnswer::Kind::error) {
          held->complete("-" + answer.text + "\r\n");
        } else if (answer.kind == ControlAnswer::Kind::reply || may_always) {
          held->complete(perform(*asker, stored->view(), resp));
        } else {
          // Only UNPAUSE does something at Redis as well.
          const bool may_have_run = answer.may_have_run && stored->name() == "client|unpause";
          held->fail(may_have_run ? Failure::lost : Failure::down);
        }
        if (pauses) asker->resume();
      });
  return Taken::yes;
}

std::string ClientsHandler::perform(Client& client, const Request& request, RespVersion resp) {
  const std::string_view name = request.command->name;
  if (name == "client|list") return list(request, resp);
  if (name == "client|kill") return kill(client, request);
  clients_.end_pause();
  return "+OK\r\n";
}

std::string ClientsHandler::list(const Request& request, RespVersion resp) {
  ClientFilter filter;
  if (request.argc() > 3 && is_word(request.arg(2), "type")) {
    filter.type = type_of(request.arg(3));
  } else if (request.argc() > 3 && is_word(request.arg(2), "id")) {
    if (read_ids(request, 3, filter) != request.argc()) return "-ERR Invalid client ID\r\n";
  } else if (request.argc() > 2) {
    return std::string(kSyntaxError);
  }
  std::string reply;
  protocol::ReplyWriter(reply, resp).verbatim(clients_.list(filter));
  return reply;
}

std::string ClientsHandler::kill(Client& client, const Request& request) {
  ClientFilter filter;
  if (request.argc() == 3) {
    filter.address = request.arg(2);
    const bool is_any = clients_.close(filter, &client, nullptr) > 0;
    return is_any ? "+OK\r\n" : "-ERR No such client\r\n";
  }
  const Client* spared = &client;
  for (std::size_t i = 2; i < request.argc(); i += 2) {
    const std::string_view option = request.arg(i);
    if (i + 1 == request.argc()) return std::string(kSyntaxError);
    const std::string_view value = request.arg(i + 1);
    if (is_word(option, "id")) {
      filter.ids = {static_cast<std::uint64_t>(to_number(value))};
    } else if (is_word(option, "type")) {
      filter.type = type_of(value);
    } else if (is_word(option, "user")) {
      filter.user = value;
    } else if (is_word(option, "addr")) {
      filter.address = value;
    } else if (is_word(option, "laddr")) {
      filter.local_address = value;
    } else if (is_word(option, "maxage")) {
      filter.min_age = std::chrono::seconds(to_number(value));
    } else if (is_word(option, "skipme")) {
      spared = is_word(value, "yes") ? &client : nullptr;
    } else {
      return std::string(kSyntaxError);
    }
  }
  return ":" + std::to_string(clients_.close(filter, &client, spared)) + "\r\n";
}

/// Answered when nothing that it holds up runs any more.
void ClientsHandler::pause(Client& client, const Request& request,
                           const std::shared_ptr<SlotHandle>& slot, bool pauses) {
  const auto length = std::chrono::milliseconds(integer_of(request.arg(2)).value_or(0));
  const bool only_writes = request.argc() == 4 && is_word(request.arg(3), "write");
  // A century is for ever, and can be added to any time.
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 36525);
  const TimePoint now = upstream_.loop().now();
  if (length.count() > 0) clients_.pause(now + std::min(length, kLongest), only_writes);
  const std::chrono::milliseconds patience = upstream_.settings().timeout.total;
  clients_.when_settled(
      &client, now + patience,
      [this, slot, pauses, patience, weak = client.weak_from_this()](bool is_settled) {
        if (is_settled) {
          slot->complete("+OK\r\n");
        } else {
          clients_.end_pause();
          slot->fail(Failure::timeout, patience.count());
        }
        const auto asker = weak.lock();
        if (asker != nullptr && pauses) asker->resume();
      });
}

void ClientsHandler::on_circuit(const CircuitState& state) {
  // A Redis that is started anew knows of no pause either.
  if (!state.is_closed()) clients_.end_pause();
}

}  // namespace hawser
