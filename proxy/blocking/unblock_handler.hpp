#pragma once

#include "proxy/traffic/blocked_clients.hpp"
#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// CLIENT UNBLOCK, for hawser's own client ids.
class UnblockHandler final : public Handler {
 public:
  UnblockHandler(Upstream& upstream, BlockedClients& blocked)
      : upstream_(upstream), blocked_(blocked) {}
  Taken handle(Client& client, Request& request) override;

 private:
  Upstream& upstream_;
  BlockedClients& blocked_;
};

}  // namespace hawser
