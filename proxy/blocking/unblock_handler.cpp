#include "proxy/blocking/unblock_handler.hpp"

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

Taken UnblockHandler::handle(Client& client, Request& request) {
  const auto answer = [&](std::string_view reply) {
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
    return answer(reply);
  }
  if (with_reason && !error && !is_word(request.arg(3), "timeout")) {
    return answer("-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
  }
  const std::int64_t id = to_number(request.arg(2));
  if (std::to_string(id) != request.arg(2)) {
    return answer("-ERR value is not an integer or out of range\r\n");
  }
  if (!upstream_.circuit().allows()) {
    upstream_.refuse(client.open_slot(request));
    return Taken::yes;
  }
  // Redis is asked whoever it is: it knows who may. It has no connection with the number 0.
  BlockedClient* blocked = blocked_.find(static_cast<std::uint64_t>(id));
  const std::uint64_t upstream_id = blocked != nullptr ? blocked->upstream_id() : 0;
  if (upstream_id != 0) blocked->on_unblock_asked();
  const std::string reason = error ? "ERROR" : "TIMEOUT";
  ask_for_client(upstream_.control(),
                 {.user = client.context().user,
                  .commands = {{"CLIENT", "UNBLOCK", std::to_string(upstream_id), reason}},
                  .overtakes = true},
                 client, request, upstream_.settings().timeout.total,
                 [this, id, upstream_id, error](std::string reply) -> std::string {
                   // Redis knows nothing yet of one that waits for a connection.
                   BlockedClient* waiting = blocked_.find(static_cast<std::uint64_t>(id));
                   const bool waits =
                       upstream_id == 0 && waiting != nullptr && waiting->upstream_id() == 0;
                   if (!waits) return reply;
                   waiting->unblock(error);
                   return ":1\r\n";
                 });
  return Taken::yes;
}

}  // namespace hawser
