#pragma once

#include "proxy/runtime/stats.hpp"
#include "proxy/traffic/stats_source.hpp"

namespace hawser {

/// Figures of pub/sub. Written by the data thread, read by any.
struct PubSubStats final : StatsSource {
  void report(StatsReport& out) const override;

  Gauge channels;       ///< Topics subscribed to upstream, patterns included.
  Gauge subscriptions;  ///< Of all clients together.
  Counter received;     ///< Messages from upstream.
  Counter delivered;    ///< Messages to clients.
  Counter slow_clients_closed;
  Counter gaps;  ///< Losses of a connection with subscriptions, and gaps a ChannelWatch found.
};

}  // namespace hawser
