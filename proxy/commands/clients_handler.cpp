#include "proxy/commands/clients_handler.hpp"

#include <algorithm>

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/stored_request.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

using Words = ControlQuestion::Command;

constexpr std::string_view kOk = "+OK\r\n";
constexpr std::string_view kSyntaxError = "-ERR syntax error\r\n";
/// No client has this id, nor this address.
constexpr std::string_view kNobodysId = "9223372036854775807";
constexpr std::string_view kNobodysAddress = "-";

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
    const auto id = to_integer(request.arg(at));
    if (!id) break;
    filter.ids.push_back(static_cast<std::uint64_t>(*id));
  }
  return at;
}

bool is_switch(std::string_view word) {
  return is_word(word, "on") || is_word(word, "off");
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
  } else if (name == "client|no-evict" || name == "client|no-touch") {
    if (is_switch(words[2])) words[2] = "OFF";
  } else if (name == "client|pause") {
    if (to_integer(words[2]).value_or(-1) >= 0) words[2] = "0";
  }
  return words;
}

}  // namespace

Taken ClientsHandler::handle(Client& client, Request& request) {
  // Who may see whom cannot be asked while Redis is away; the operator's own user sees all.
  const bool may_always =
      request.command->name == "client|list" && client.context().user == kUpstreamUser;
  const RespVersion resp = client.context().resp;
  if (!upstream_.circuit().allows()) {
    SlotHandle slot = client.open_slot(request);
    if (may_always) {
      slot.complete(list(request, resp));
    } else {
      upstream_.refuse(std::move(slot));
    }
    return Taken::yes;
  }
  const Duration time = upstream_.settings().timeout.total;
  upstream_.control().ask_for(
      client, request,
      {.user = client.context().user,
       .commands = {question_of(request)},
       .line = ControlLine::clients},
      time,
      [this, may_always, resp, time, stored = std::make_shared<const StoredRequest>(request)](
          const ControlAnswer& answer, const std::shared_ptr<HeldAnswer>& held) {
        const auto asker = held->client();
        if (asker == nullptr) return;
        if (answer.kind == ControlAnswer::Kind::reply) {
          perform(*asker, stored->view(), resp, held);
        } else if (answer.kind == ControlAnswer::Kind::error ||
                   stored->name() == "client|unpause") {  // Redis does that one itself.
          pass_on(answer, time, *held);
        } else if (may_always) {
          held->complete(list(stored->view(), resp));
        } else {
          held->fail(Failure::down);
        }
      });
  return Taken::yes;
}

void ClientsHandler::perform(Client& client, const Request& request, RespVersion resp,
                             const std::shared_ptr<HeldAnswer>& held) {
  const std::string_view name = request.command->name;
  if (name == "client|list") {
    held->complete(list(request, resp));
  } else if (name == "client|kill") {
    held->complete(kill(client, request));
  } else if (name == "client|pause") {
    pause(client, request, held);
  } else if (name == "client|no-touch" && is_word(request.arg(2), "on")) {
    held->fail(Failure::denied);  // The connection it would be said of is not this client's.
  } else {
    if (name == "client|unpause") clients_.end_pauses();
    held->complete(kOk);
  }
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
void ClientsHandler::pause(const Client& client, const Request& request,
                           const std::shared_ptr<HeldAnswer>& held) {
  const auto length = std::chrono::milliseconds(to_integer(request.arg(2)).value_or(0));
  if (length.count() == 0) {
    held->complete(kOk);
    return;
  }
  const auto refuse = [this](HeldAnswer& answer) {
    answer.fail(Failure::circuit_open, upstream_.circuit().retry_in());
  };
  if (!upstream_.circuit().allows()) {
    refuse(*held);
    return;
  }
  const bool only_writes = request.argc() == 4 && is_word(request.arg(3), "write");
  // A century is for ever, and can be added to any time.
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 36525);
  const TimePoint now = upstream_.loop().now();
  const std::uint64_t number = clients_.pause(now + std::min(length, kLongest), only_writes);
  const Duration patience = upstream_.settings().timeout.total;
  clients_.when_settled(
      &client, now + patience,
      [this, held, refuse, number, patience, outages = outages_](bool is_settled) {
        if (outages != outages_) {
          refuse(*held);  // Which has ended the pause.
        } else if (is_settled) {
          held->complete(kOk);
        } else {
          clients_.end_pause(number);
          held->time_out(patience);
        }
      });
}

void ClientsHandler::on_circuit(const CircuitState& state) {
  // A Redis that is started anew knows of no pause either.
  if (state.is_closed()) return;
  ++outages_;
  clients_.end_pauses();
}

}  // namespace hawser
