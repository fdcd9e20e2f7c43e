#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/pubsub/pubsub_stats.hpp"
#include "proxy/pubsub/subscriber.hpp"
#include "proxy/pubsub/topics.hpp"
#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/channel_watch.hpp"
#include "proxy/upstream/subscriber_lane.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// The subscriptions of all clients of one user, over one upstream connection: each topic is
/// subscribed to once, each message handed to all who want it. Owned by the Hub.
class Feed final : public SubscriberLaneOwner, public TurnTask {
 public:
  /// `watch`: of one channel, or nullptr.
  Feed(Upstream& upstream, PubSubStats& stats, UserId user, ChannelWatch* watch);
  ~Feed() override;

  /// Subscribes a client, and answers `slot` when every topic is confirmed upstream or one was
  /// refused. The client is paused meanwhile.
  void subscribe(const std::shared_ptr<Subscriber>& subscriber, TopicKind kind,
                 const std::vector<std::string>& names, SlotHandle slot, TimePoint deadline);
  /// Has a client leave topics, and answers `slot` when no message published before that can come
  /// any more, or the connection is lost. Until then it gets those messages, and is paused.
  void unsubscribe(const std::shared_ptr<Subscriber>& subscriber, TopicKind kind,
                   std::vector<std::string> names, SlotHandle slot, TimePoint deadline);
  /// A member of a topic is about to leave it.
  void begin_leaving(Topic& topic);
  /// A member of a topic has left it.
  void leave(Topic& topic, const Subscriber& subscriber, bool was_leaving);
  /// Whether its connection stands.
  bool is_open() const { return lane_->is_open(); }

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
    TopicJoin wanted;
    std::weak_ptr<Subscriber> subscriber;
    SlotHandle slot;
    TimePoint deadline{};
    bool in_exec = false;
  };
  /// An UNSUBSCRIBE that waits for the last messages.
  struct Leave {
    std::weak_ptr<Subscriber> subscriber;
    TopicKind kind{};
    std::vector<std::string> names;
    SlotHandle slot;
    TimePoint deadline{};
  };

  void flush();
  void on_idle();
  void finish(std::uint64_t join);
  void finish_confirmed(const Topic& topic);
  void fail(std::uint64_t join, std::string_view error, Failure failure);
  void fail_all(std::string_view error);
  void finish_leave(std::uint64_t leave);
  void finish_leaves();
  void on_deadline();
  void on_message(const PubSubFrame& frame, std::string_view bytes);
  void hand_out(Topic& topic, std::string_view bytes);
  bool is_watched(const PubSubFrame& frame, std::string_view bytes) const;
  ChannelVerdict judge(Topic& topic, std::string_view bytes);
  void end_stream(Topic& topic, bool lost);
  void invalidate(std::string_view push);
  std::shared_ptr<Block> block_for(std::size_t size, bool resp3);
  void take_answer(Topic& topic, bool refused, std::string_view bytes);
  void refuse_members();
  void on_all_answered();
  static void tell_state(Client& client, const CircuitState& state);

  Upstream& upstream_;
  PubSubStats& stats_;
  ChannelWatch* const watch_;
  Topics topics_;
  std::unique_ptr<SubscriberLane> lane_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Join> joins_;    ///< By number: in the order they came.
  std::map<std::uint64_t, Leave> leaves_;  ///< By the number of their mark.
  Timer deadline_;
  Timer idle_;  ///< While it has no topics: until the connection is closed.
  /// Short messages of this turn, once for each RESP version.
  std::array<std::shared_ptr<Block>, 2> fan_out_;
  bool has_gap_ = false;  ///< Of members that are to be told once all is subscribed again.
};

}  // namespace hawser
