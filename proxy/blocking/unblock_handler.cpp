#include "proxy/blocking/unblock_handler.hpp"

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

Taken UnblockHandler::handle(Client& client, Request& request) {
  const auto answer_with = [&](std::string_view reply) {
    client.open_slot(request).complete(reply);
    return Taken::yes;
  };
  const bool with_reason = request.argc() == 4;
  const bool error = with_reason && is_word(request.arg(3), "error");
  if (request.argc() > 4) {
    std::string reply;
    protocol::ReplyWriter(reply, client.context().resp)
        .error("ERR unknown subcommand or wrong number of arguments for '" +
               quoted(request.arg(1)) + "'. Try CLIENT HELP.");
    return answer_with(reply);
  }
  if (with_reason && !error && !is_word(request.arg(3), "timeout")) {
    return answer_with("-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
  }
  const auto number = to_integer(request.arg(2));
  if (!number) return answer_with("-ERR value is not an integer or out of range\r\n");
  const auto id = static_cast<std::uint64_t>(*number);
  if (!upstream_.circuit().allows()) {
    upstream_.refuse(client.open_slot(request));
    return Taken::yes;
  }
  // Redis is asked whoever it is: it knows who may. It has no connection with the number 0.
  BlockedClient* blocked = blocked_.find(id);
  const std::uint64_t upstream_id = blocked != nullptr ? blocked->upstream_id() : 0;
  if (upstream_id != 0) blocked->on_unblock_asked();
  const std::string reason = error ? "ERROR" : "TIMEOUT";
  const Duration time = upstream_.settings().timeout.total;
  upstream_.control().ask_for(
      client, request,
      {.user = client.context().user,
       .commands = {{"CLIENT", "UNBLOCK", std::to_string(upstream_id), reason}},
       .line = ControlLine::clients},
      time, [this, id, upstream_id, error, time](const ControlAnswer& answer, const auto& held) {
        // Redis knows nothing yet of one that waits for a connection.
        BlockedClient* waiting = blocked_.find(id);
        const bool is_hawsers =
            upstream_id == 0 && waiting != nullptr && waiting->upstream_id() == 0;
        if (answer.kind == ControlAnswer::Kind::reply && is_hawsers) {
          waiting->unblock(error);
          held->complete(":1\r\n");
        } else {
          pass_on(answer, time, *held);
        }
      });
  return Taken::yes;
}

}  // namespace hawser
