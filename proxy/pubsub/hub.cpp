#include "proxy/pubsub/hub.hpp"

#include <algorithm>

namespace hawser {

Hub::Hub(Upstream& upstream, ChannelWatch* watch)
    : upstream_(upstream),
      watch_(watch),
      limits_{upstream.settings().pubsub.output_hard, upstream.settings().pubsub.output_soft,
              upstream.settings().pubsub.output_soft_time} {
  upstream.circuit().add_listener(*this);
  upstream.circuit().add_restorer(*this);
}

void Hub::on_circuit(const CircuitState& state) {
  for (const auto& [user, feed] : feeds_) {
    feed->announce(state);
    if (state.is_closed()) feed->tell_of_gap();
  }
}

bool Hub::is_restored() const {
  return std::all_of(feeds_.begin(), feeds_.end(),
                     [](const auto& entry) { return entry.second->is_restored(); });
}

Feed& Hub::feed(UserId user) {
  auto& feed = feeds_[user];
  if (feed == nullptr) feed = std::make_unique<Feed>(upstream_, stats_, user, watch_);
  return *feed;
}

std::shared_ptr<Subscriber> Hub::subscriber_of(Client& client) {
  if (client.subscriptions() == nullptr) {
    client.set_subscriptions(std::make_shared<Subscriber>(client, limits_));
  }
  return std::static_pointer_cast<Subscriber>(client.shared_subscriptions());
}

std::int64_t Hub::correction(TopicKind kind, std::string_view name) {
  std::int64_t sum = 0;
  for (const auto& [user, feed] : feeds_) {
    sum += static_cast<std::int64_t>(feed->members(kind, name));
    if (feed->is_subscribed(kind, name) && !is_local_topic(kind, name)) --sum;
  }
  return sum;
}

void Hub::close() {
  for (const auto& [user, feed] : feeds_) feed->close();
}

}  // namespace hawser
