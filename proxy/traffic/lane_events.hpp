#pragma once

#include <string_view>

#include "proxy/traffic/context.hpp"

namespace hawser {

/// What happens to upstream connections, for those who keep something that depends on them (the
/// last INFO, caches, subscriptions). Called on the data thread; must not submit requests from
/// within on_lane_lost.
class LaneEvents {
 public:
  virtual ~LaneEvents() = default;
  /// A main lane has finished its handshake and takes requests.
  virtual void on_lane_open(const Context& context) = 0;
  /// The upstream would not open a main lane for its user or database.
  virtual void on_lane_refused(const Context& /*context*/) {}
  /// A main lane is gone, with everything that was in flight on it.
  virtual void on_lane_lost(const Context& context) = 0;
  /// A RESP3 push frame came on a main lane, whole.
  virtual void on_push(const Context& context, std::string_view frame) = 0;
};

}  // namespace hawser
