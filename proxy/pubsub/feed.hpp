#pragma once

#include <array>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "proxy/pubsub/pubsub_stats.hpp"
#include "proxy/pubsub/subscriber.hpp"
#include "proxy/pubsub/topics.hpp"
#include "proxy/runtime/timer.hpp"
#include "proxy/upstream/subscriber_lane.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// The subscriptions of all clients of one user, over one upstream connection: each topic is
/// subscribed to once, each message handed to all who want it. Owned by the Hub.
class Feed final : public SubscriberLaneOwner, public TurnTask {
 public:
  Feed(Upstream& upstream, PubSubStats& stats, UserId user);
  ~Feed() override;

  /// Subscribes a client, and answers `slot` when every topic is confirmed upstream or one was
  /// refused. The client is paused meanwhile.
  void subscribe(const std::shared_ptr<Subscriber>& subscriber, TopicKind kind,
                 const std::vector<std::string>& names, SlotHandle slot, TimePoint deadline);
  /// A member of a topic has left it.
  void leave(Topic& topic, const Subscriber& subscriber);

  /// Whether it counts as one of the upstream's subscribers of that channel.
  bool is_subscribed(TopicKind kind, std::string_view name);
  std::size_t members(TopicKind kind, std::string_view name);
  std::size_t topics() const { return topics_.size(); }
  /// Of its connection, as Redis knows it; 0: none is open.
  std::uint64_t client_id() const { return lane_->client_id(); }
  void close();
  /// Tells those who listen to the circuit.
  void announce(const CircuitState& state);
  /// Whether everything is subscribed as clients want it, or cannot be.
  bool is_restored();
  /// Everybody who may have missed messages is told, unless the circuit is not closed yet.
  void tell_of_gap();

  void on_subscriber_open() override;
  void on_subscriber_lost() override;
  void on_subscriber_refused(std::string_view error) override;
  void on_subscriber_frame(std::string_view bytes) override;
  void on_turn_end() override;

 private:
  /// A SUBSCRIBE that waits for its acknowledgements.
  struct Join {
    std::weak_ptr<Subscriber> subscriber;
    std::vector<Topic*> topics;  ///< One for each name, as often as it was named.
    SlotHandle slot;
    TimePoint deadline;
  };
  using Joins = std::list<Join>;

  void flush();
  void on_idle();
  void finish_confirmed();
  void finish(Join join);
  void fail(Join join, std::string_view error, Failure failure);
  void fail_all(std::string_view error, Failure failure, const Topic* of);
  void on_deadline();
  void hand_out(const PubSubFrame& frame, std::string_view bytes);
  void invalidate(std::string_view push);
  void refuse_members(Topic& topic);
  void on_all_answered();
  static void tell_state(Client& client, const CircuitState& state);

  Upstream& upstream_;
  PubSubStats& stats_;
  Topics topics_;
  std::unique_ptr<SubscriberLane> lane_;
  Joins joins_;
  Timer deadline_;
  Timer idle_;  ///< While it has no topics: until the connection is closed.
  /// Messages of this turn, once for each RESP version.
  std::array<std::shared_ptr<Block>, 2> fan_out_;
  bool has_gap_ = false;  ///< Of members that are to be told once all is subscribed again.
};

}  // namespace hawser
