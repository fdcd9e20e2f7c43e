#pragma once

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Gives requests that need an upstream connection of their own a pinned one: for that one request
/// (blocking, large or unknown commands), or for the rest of the client's life (transactions,
/// subscriptions, MONITOR, CLIENT TRACKING).
class PinnedHandler final : public Handler {
 public:
  explicit PinnedHandler(Upstream& upstream) : upstream_(upstream) {}
  Taken handle(Client& client, Request& request) override;

 private:
  Upstream& upstream_;
};

}  // namespace hawser
