#include "proxy/transactions/transaction_handler.hpp"

#include "proxy/transactions/block_scan.hpp"
#include "proxy/transactions/shared_block.hpp"

namespace hawser {

Taken TransactionHandler::handle(Client& client, Request& request) {
  const std::string_view name = request.command->name;
  if (name == "exec" || name == "discard" || name == "unwatch") {
    return forward_.handle(client, request);
  }
  const bool begins = name == "multi" || name == "watch";
  if (begins && parts_.rules != nullptr && parts_.rules->holds(client, request)) {
    return Taken::later;
  }
  if (name == "multi") {
    const BlockScan scan =
        scan_block(request.following, parts_.upstream.limits(),
                   parts_.upstream.settings().lanes.large_request, parts_.denied);
    if (scan.can_be_shared && !stuck_->contains(client.context().user)) {
      if (!client.may_go_to(parts_.upstream.main_lane(client.context()))) return Taken::later;
      auto block =
          std::make_shared<SharedBlock>(parts_.upstream, parts_.rules, stuck_, scan.requests + 1);
      client.set_own_handler(block);
      return block->handle(client, request);
    }
  }
  if (client.unsettled() > 0) return Taken::later;
  auto stay = std::make_shared<PinnedStay>(parts_, client);
  client.set_own_handler(stay);
  return stay->handle(client, request);
}

}  // namespace hawser
