#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/pubsub/topic.hpp"
#include "proxy/runtime/block.hpp"
#include "proxy/runtime/clock.hpp"
#include "proxy/traffic/client.hpp"

namespace hawser {

class Feed;

/// When a subscriber that does not keep up is closed: Redis' own rule.
struct SubscriberLimits {
  std::size_t hard;  ///< Bytes queued for it at which it is closed at once.
  std::size_t soft;  ///< Bytes at which it is closed if it stays above for `soft_time`.
  Duration soft_time;
};

/// What one client is subscribed to, and the way of messages to it. Owned by the client; leaves
/// all its topics at its end.
class Subscriber final : public Subscriptions {
 public:
  Subscriber(Client& client, const SubscriberLimits& limits) : client_(client), limits_(limits) {}
  ~Subscriber() override;

  Client& client() { return client_; }
  Counts counts() const override;
  /// The number Redis tells in acknowledgements of this kind.
  std::size_t count_for(TopicKind kind) const;

  /// Whether it was not subscribed to it yet.
  bool add(Feed& feed, Topic& topic);
  /// The feed it has a topic from; nullptr: it is not subscribed to it.
  Feed* feed_of(TopicKind kind, std::string_view name) const;
  /// It leaves the topic, but gets its messages until leave().
  void begin_leaving(TopicKind kind, std::string_view name);
  /// Leaves topics; `names` may be of others too. Returns the acknowledgements.
  std::string leave(TopicKind kind, const std::vector<std::string>& names);
  /// Answers SUBSCRIBE and its relatives. Acknowledgements are no replies: CLIENT REPLY OFF does
  /// not hold them back, but `in_exec` they are part of a reply. REQUIRES: nothing the client
  /// asked before is unanswered.
  void acknowledge(SlotHandle slot, std::string_view acknowledgements, bool in_exec);
  std::vector<std::string> names(TopicKind kind) const;

  /// Hands on a message; returns false if the client did not keep up and has to be closed. What
  /// it holds for the client is little more than what is queued: a client with something unread
  /// from an earlier turn gets a copy of a short message, instead of a part of a block in which
  /// others' messages lie.
  bool deliver(const std::shared_ptr<Block>& source, std::string_view frame, TimePoint now);

  /// It may have missed messages, and is yet to be told.
  bool has_gap() const { return has_gap_; }
  void set_gap(bool gap) { has_gap_ = gap; }

 private:
  void remove(TopicKind kind, std::string_view name);

  struct Place {
    Feed* feed;
    Topic* topic;
    bool is_leaving = false;
  };
  Client& client_;
  const SubscriberLimits& limits_;
  // Keyed by a view of the topic's own name.
  std::array<std::unordered_map<std::string_view, Place>, kTopicKinds> topics_;
  TimePoint over_soft_since_{};
  TimePoint turn_{};        ///< Of the last message.
  bool is_behind_ = false;  ///< It began that turn with something unread.
  bool has_gap_ = false;
};

}  // namespace hawser
