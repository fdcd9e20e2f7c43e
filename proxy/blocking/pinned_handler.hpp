#pragma once

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Gives requests that need an upstream connection of their own a pinned one: for that one request
/// (blocking, large or unknown commands), or for the rest of the client's life (MONITOR).
class PinnedHandler final : public Handler {
 public:
  /// `refuse` has the commands that are refused on any connection.
  PinnedHandler(Upstream& upstream, Handler& refuse) : upstream_(upstream), refuse_(refuse) {}
  Taken handle(Client& client, Request& request) override;

 private:
  Upstream& upstream_;
  Handler& refuse_;
};

}  // namespace hawser
