#include "proxy/commands/context_handler.hpp"

#include <climits>
#include <optional>

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/client_names.hpp"
#include "proxy/traffic/hello_reply.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

constexpr std::string_view kOk = "+OK\r\n";
/// Never asked of a server, which by now may be another: it would change the connection.
constexpr std::string_view kNoHello = "-ERR unknown command 'HELLO'\r\n";

std::string error_reply(std::string_view text) {
  std::string out;
  protocol::ReplyWriter(out, RespVersion::resp2).error(text);
  return out;
}

}  // namespace

/// A HELLO on its way.
struct ContextHandler::Hello {
  SlotHandle slot;
  RespVersion resp;
  std::optional<std::string> name;
  std::string user;
  std::string password;
  bool authenticates = false;
  TimePoint arrived;
};

Taken ContextHandler::handle(Client& client, Request& request) {
  const std::string_view name = request.command->name;
  if (name == "auth") {
    auth(client, request);
  } else if (name == "hello" && upstream_.lacks_hello()) {
    client.open_slot(request).complete(kNoHello);
  } else if (name == "hello") {
    hello(client, request);
  } else {
    select(client, request);
  }
  return Taken::yes;
}

void ContextHandler::log_in(std::string_view user, std::string_view password, bool with_user,
                            TimePoint deadline, std::function<void(const Login&)> done) {
  const TimePoint now = upstream_.loop().now();
  if (const auto known = upstream_.users().recognise({user, password, with_user}, now)) {
    done({true, *known, {}, {}});
    return;
  }
  if (!upstream_.circuit().allows()) {
    done({false, {}, {}, Failure::circuit_open});
    return;
  }
  std::vector<std::string> question = {"AUTH"};
  if (with_user) question.emplace_back(user);
  question.emplace_back(password);
  upstream_.control().ask(
      {.user = {}, .commands = {std::move(question)}}, deadline,
      [this, with_user, name = std::string(user), word = std::string(password),
       done = std::move(done)](const ControlAnswer& answer) {
        switch (answer.kind) {
          case ControlAnswer::Kind::reply:
            if (name.empty()) {  // Hawser's own way of naming the default user.
              done({false, {}, {}, Failure::denied});
              return;
            }
            done({true,
                  upstream_.users().accept({name, word, with_user}, upstream_.loop().now()),
                  {},
                  {}});
            return;
          case ControlAnswer::Kind::error:
            done({false, {}, error_reply(answer.text), {}});
            return;
          case ControlAnswer::Kind::unreachable:
            done({false, {}, {}, Failure::down});
            return;
        }
      });
}

void ContextHandler::auth(Client& client, Request& request) {
  SlotHandle slot = client.open_slot(request);
  if (request.argc() > 3) {
    slot.complete("-ERR syntax error\r\n");
    return;
  }
  const bool with_user = request.argc() == 3;
  client.pause();
  log_in(with_user ? request.arg(1) : "default", request.arg(request.argc() - 1), with_user,
         request.arrived + upstream_.settings().timeout.total,
         [this, weak = client.weak_from_this(),
          held = std::make_shared<SlotHandle>(std::move(slot))](const Login& login) {
           const auto owner = weak.lock();
           if (owner == nullptr) {
             held->abandon();
             return;
           }
           if (login.accepted) {
             Context context = owner->context();
             context.user = login.user;
             owner->set_context(context);
             held->complete(kOk);
           } else if (!login.error.empty()) {
             held->complete(login.error);
           } else {
             held->fail(login.failure, upstream_.circuit().retry_in());
           }
           owner->resume();
         });
}

void ContextHandler::hello(Client& client, Request& request) {
  SlotHandle slot = client.open_slot(request);
  auto hello = std::make_shared<Hello>();
  hello->resp = client.context().resp;
  hello->arrived = request.arrived;
  std::size_t next = 1;
  if (request.argc() > 1) {
    const auto version = to_integer(request.arg(next++));
    if (!version) {
      slot.complete("-ERR Protocol version is not an integer or out of range\r\n");
      return;
    }
    if (*version != 2 && *version != 3) {
      slot.complete("-NOPROTO unsupported protocol version\r\n");
      return;
    }
    hello->resp = *version == 3 ? RespVersion::resp3 : RespVersion::resp2;
  }
  while (next < request.argc()) {
    const std::string_view option = request.arg(next);
    const std::size_t left = request.argc() - 1 - next;
    if (is_word(option, "auth") && left >= 2) {
      hello->authenticates = true;
      hello->user = request.arg(next + 1);
      hello->password = request.arg(next + 2);
      next += 3;
    } else if (is_word(option, "setname") && left >= 1) {
      hello->name = request.arg(next + 1);
      next += 2;
    } else {
      const std::string_view shown = option.substr(0, option.find('\0'));
      slot.complete(error_reply("ERR Syntax error in HELLO option '" + std::string(shown) + "'"));
      return;
    }
  }
  if (hello->name && !is_valid_client_name(*hello->name)) {
    slot.complete(kInvalidClientName);
    return;
  }
  hello->slot = std::move(slot);
  client.pause();
  if (!hello->authenticates) {
    finish_hello(client.shared_from_this(), hello);
    return;
  }
  log_in(hello->user, hello->password, true, request.arrived + upstream_.settings().timeout.total,
         [this, hello, weak = client.weak_from_this()](const Login& login) {
           const auto owner = weak.lock();
           if (owner == nullptr) {
             hello->slot.abandon();
             return;
           }
           if (login.accepted) {
             Context context = owner->context();
             context.user = login.user;
             owner->set_context(context);
             finish_hello(owner, hello);
             return;
           }
           if (!login.error.empty()) {
             hello->slot.complete(login.error);
           } else {
             hello->slot.fail(login.failure, upstream_.circuit().retry_in());
           }
           owner->resume();
         });
}

/// HELLO tells the upstream's version, so before first contact it waits for that a little.
void ContextHandler::finish_hello(const std::shared_ptr<Client>& client,
                                  const std::shared_ptr<Hello>& hello) {
  Context home{kUpstreamUser, upstream_.home_database(), RespVersion::resp2};
  const bool may_wait =
      !upstream_.knows_server_version() && !upstream_.lacks_hello() && upstream_.circuit().allows();
  MainLane* lane = may_wait ? upstream_.find_main_lane(home) : nullptr;
  if (lane == nullptr) {
    answer_hello(*client, *hello);
    return;
  }
  lane->when_open(hello->arrived + upstream_.settings().timeout.connect,
                  [this, hello, weak = client->weak_from_this()](const MainLane::OpenResult&) {
                    const auto owner = weak.lock();
                    if (owner == nullptr) {
                      hello->slot.abandon();
                      return;
                    }
                    answer_hello(*owner, *hello);
                  });
}

void ContextHandler::answer_hello(Client& client, Hello& hello) {
  if (upstream_.lacks_hello()) {  // Which was not known before.
    hello.slot.complete(kNoHello);
    client.resume();
    return;
  }
  Context context = client.context();
  context.resp = hello.resp;
  client.set_context(context);
  if (hello.name) client.set_name(*hello.name);
  hello.slot.complete(hello_reply(hello.resp, upstream_.server_version(), client.id()));
  client.resume();
}

void ContextHandler::select(Client& client, Request& request) {
  SlotHandle slot = client.open_slot(request);
  const auto number = to_integer(request.arg(1));
  if (!number) {
    slot.complete("-ERR value is not an integer or out of range\r\n");
    return;
  }
  if (*number < INT_MIN || *number > INT_MAX) {
    slot.complete("-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
    return;
  }
  if (*number < 0) {
    slot.complete("-ERR DB index is out of range\r\n");
    return;
  }
  Context wanted = client.context();
  wanted.database = static_cast<std::uint32_t>(*number);
  if (wanted == client.context()) {
    slot.complete(kOk);
    return;
  }
  MainLane* lane = upstream_.main_lane(wanted);
  if (lane == nullptr) {
    slot.fail(Failure::full_contexts);
    return;
  }
  if (lane->is_proven()) {
    client.set_context(wanted);
    slot.complete(kOk);
    return;
  }
  if (!upstream_.circuit().allows()) {
    upstream_.refuse(std::move(slot));
    return;
  }
  client.pause();
  lane->when_open(
      request.arrived + upstream_.settings().timeout.total,
      [this, wanted, weak = client.weak_from_this(),
       held = std::make_shared<SlotHandle>(std::move(slot))](const MainLane::OpenResult& result) {
        const auto owner = weak.lock();
        if (owner == nullptr) {
          held->abandon();
          return;
        }
        if (result.open) {
          owner->set_context(wanted);
          held->complete(kOk);
        } else if (!result.error.empty()) {
          held->complete(result.error);
        } else if (!upstream_.circuit().allows()) {
          upstream_.refuse(std::move(*held));
        } else {
          held->fail(Failure::down);
        }
        owner->resume();
      });
}

}  // namespace hawser
