#include "proxy/commands/forward_handler.hpp"

namespace hawser {

Taken ForwardHandler::handle(Client& client, Request& request) {
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  if (request.raw.size() > upstream_.settings().lanes.large_request ||
      client.hears_long_replies()) {
    return client.unsettled() == 0 ? large_.handle(client, request) : Taken::later;
  }
  client.set_route(lane);
  upstream_.forward(lane, request, client.open_slot(request));
  return Taken::yes;
}

}  // namespace hawser
