#include "proxy/blocking/unblock_handler.hpp"

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

Taken UnblockHandler::handle(Client& client, Request& request) {
  SlotHandle slot = client.open_slot(request);
  const bool with_reason = request.argc() == 4;
  const bool error = with_reason && is_word(request.arg(3), "error");
  if (request.argc() > 4) {
    std::string reply;
    protocol::ReplyWriter(reply, client.context().resp)
        .error("ERR unknown subcommand or wrong number of arguments for '" +
               quoted(request.arg(1)) + "'. Try CLIENT HELP.");
    slot.complete(reply);
    return Taken::yes;
  }
  if (with_reason && !error && !is_word(request.arg(3), "timeout")) {
    slot.complete("-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
    return Taken::yes;
  }
  const std::int64_t id = to_number(request.arg(2));
  if (std::to_string(id) != request.arg(2)) {
    slot.complete("-ERR value is not an integer or out of range\r\n");
    return Taken::yes;
  }
  if (!upstream_.circuit().allows()) {
    upstream_.refuse(std::move(slot));
    return Taken::yes;
  }
  // Redis is asked whatever it is: it knows who may. It has no connection with the number 0.
  BlockedClient* blocked = blocked_.find(static_cast<std::uint64_t>(id));
  const std::uint64_t upstream_id = blocked != nullptr ? blocked->upstream_id() : 0;
  if (upstream_id != 0) blocked->on_unblock_asked();
  upstream_.control().ask(
      {.user = client.context().user,
       .commands = {{"CLIENT", "UNBLOCK", std::to_string(upstream_id),
                     error ? "ERROR" : "TIMEOUT"}},
       .overtakes = true},
      request.arrived + upstream_.settings().timeout.total,
      [this, id, upstream_id, error,
       held = std::make_shared<SlotHandle>(std::move(slot))](const ControlAnswer& answer) {
        switch (answer.kind) {
          case ControlAnswer::Kind::reply: {
            std::int64_t number = answer.number;
            // Redis knows nothing yet of one that waits for a connection.
            BlockedClient* waiting = blocked_.find(static_cast<std::uint64_t>(id));
            if (upstream_id == 0 && waiting != nullptr && waiting->upstream_id() == 0) {
              waiting->unblock(error);
              number = 1;
            }
            held->complete(":" + std::to_string(number) + "\r\n");
            return;
          }
          case ControlAnswer::Kind::error:
            held->complete("-" + answer.text + "\r\n");
            return;
          case ControlAnswer::Kind::unreachable:
            held->fail(Failure::down);
            return;
        }
      });
  return Taken::yes;
}

}  // namespace hawser
