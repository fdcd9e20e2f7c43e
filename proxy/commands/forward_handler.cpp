#include "proxy/commands/forward_handler.hpp"

namespace hawser {

Taken ForwardHandler::handle(Client& client, Request& request) {
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  // Whoever has a handler of its own keeps it: it may guard a transaction.
  const bool goes_apart = (request.raw.size() > upstream_.settings().lanes.large_request ||
                           client.hears_long_replies()) &&
                          client.own_handler() == nullptr;
  if (goes_apart) return apart_.handle(client, request);
  client.set_route(lane);
  upstream_.forward(lane, request, client.open_slot(request));
  return Taken::yes;
}

}  // namespace hawser
