#include "proxy/pubsub/pubsub_stats.hpp"

namespace hawser {

void PubSubStats::report(StatsReport& out) const {
  out.gauge("hawser_pubsub_channels", "Channels and patterns subscribed to upstream.", {},
            static_cast<double>(channels.value()));
  out.gauge("hawser_pubsub_subscriptions", "Subscriptions of all clients together.", {},
            static_cast<double>(subscriptions.value()));
  out.counter("hawser_pubsub_messages_total", "Messages received from the upstream.", {},
              received.value());
  out.counter("hawser_pubsub_deliveries_total", "Messages handed to clients.", {},
              delivered.value());
  out.counter("hawser_pubsub_slow_clients_closed_total",
              "Subscribers closed because they did not keep up.", {}, slow_clients_closed.value());
  out.counter("hawser_pubsub_gaps_total",
              "Losses of a subscriber connection, or of messages of the invalidation bus: messages "
              "may have been missed.",
              {}, gaps.value());
}

}  // namespace hawser
