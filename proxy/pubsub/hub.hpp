#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>

#include "proxy/pubsub/feed.hpp"

namespace hawser {

/// Everything clients are subscribed to: a feed for each user that subscribes. Owned by Server.
class Hub final : private CircuitListener, private Restorer {
 public:
  /// `watch`: of one channel, or nullptr; outlives the Hub.
  explicit Hub(Upstream& upstream, ChannelWatch* watch = nullptr);

  Feed& feed(UserId user);
  /// What the client is subscribed to, begun if it never subscribed.
  std::shared_ptr<Subscriber> subscriber_of(Client& client);

  /// What hawser adds to the number of subscribers of a channel that the upstream tells: its
  /// clients, less its own connections.
  std::int64_t correction(TopicKind kind, std::string_view name);

  void close();
  const StatsSource& stats() const { return stats_; }

 private:
  void on_circuit(const CircuitState& state) override;
  void restore() override {}  // The connections come back by themselves.
  bool is_restored() const override;

  Upstream& upstream_;
  ChannelWatch* const watch_;
  PubSubStats stats_;
  const SubscriberLimits limits_;
  std::unordered_map<UserId, std::unique_ptr<Feed>> feeds_;
};

}  // namespace hawser
