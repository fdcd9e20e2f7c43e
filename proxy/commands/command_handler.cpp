#include "proxy/commands/command_handler.hpp"

#include <utility>

#include "proxy/commands/own_commands.hpp"
#include "proxy/traffic/reply_tap.hpp"
#include "proxy/traffic/stored_request.hpp"

namespace hawser {

/// Adds to the reply on its way to the client; needs it whole, so takes no parts.
class CommandHandler::Tap final : public ReplyTap {
 public:
  Tap(const Upstream& upstream, const Request& request, RespVersion resp, SlotHandle slot)
      : ReplyTap(std::move(slot)), upstream_(upstream), request_(request), resp_(resp) {}

  void on_reply(std::uint32_t, Reply reply) override {
    slot().complete(add_own_commands(request_.view(), resp_, upstream_.server_version(),
                                     reply.bytes, upstream_.limits()));
  }

 private:
  const Upstream& upstream_;
  const StoredRequest request_;
  const RespVersion resp_;
};

Taken CommandHandler::handle(Client& client, Request& request) {
  const RespVersion resp = client.context().resp;
  if (const auto keys = keys_of_own_command(request, resp)) {
    client.open_slot(request).complete(*keys);
    return Taken::yes;
  }
  const bool is_large = request.raw.size() > upstream_.settings().lanes.large_request;
  if (is_large || !tells_of_own_commands(request)) return ordinary_.handle(client, request);
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  client.set_route(lane);
  auto* tap = new Tap(upstream_, request, resp, client.open_slot(request));
  upstream_.forward(lane, request, SlotHandle(*tap, 0));
  return Taken::yes;
}

}  // namespace hawser
