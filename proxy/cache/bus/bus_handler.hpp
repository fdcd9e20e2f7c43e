#pragma once

#include <functional>
#include <string>

#include "proxy/cache/cache_support.hpp"
#include "proxy/cache/invalidation/invalidations.hpp"
#include "proxy/traffic/handler.hpp"

namespace hawser {

/// In front of the handler of PUBLISH: what a client publishes on the invalidation channel is
/// performed, with its rights and in its database, and then published for all instances. Every
/// other message passes. Owned by the Cache.
class BusHandler final : public Handler {
 public:
  struct Parts {
    Upstream& upstream;
    CacheSupport& support;
    Invalidations& invalidations;
    CacheStats& stats;
    Handler& publish;
    std::function<void(const Context&)> note_use;
  };
  explicit BusHandler(Parts parts)
      : parts_(std::move(parts)), channel_(parts_.upstream.settings().cache.channel) {}

  Taken handle(Client& client, Request& request) override {
    const bool concerns = request.argc() == 3 && request.arg(1) == channel_;
    return concerns ? intercept(client, request) : parts_.publish.handle(client, request);
  }

 private:
  Taken intercept(Client& client, Request& request);
  Taken perform(Client& client, const Request& request, const BusMessage& message);

  Parts parts_;
  const std::string channel_;
  bool is_invalid_told_ = false;
};

}  // namespace hawser
