#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/pubsub/frames.hpp"
#include "proxy/pubsub/topic.hpp"

namespace hawser {

/// The topics of one user: which are wanted, what was asked upstream and what was confirmed. Pure:
/// requests to send gather in outgoing(), frames that came are given to take_acknowledgement().
/// Owned by a Feed.
class Topics {
 public:
  Topic* find(TopicKind kind, std::string_view name);

  /// Adds a topic to a join, and asks for it upstream if nobody did.
  void join(TopicJoin& join, TopicKind kind, std::string_view name);
  /// The join is at its end: its topics do not know it any more.
  void part(TopicJoin& join);

  /// Subscribes upstream if somebody wants it and it is not subscribed yet, or the other way round,
  /// and forgets it if nothing about it is left. Call after every change of members.
  void settle(Topic& topic);

  /// Asks for a sign that everything sent so far is answered, and with it every message that was
  /// published before. Answered by take_acknowledgement(), or by none after a loss. REQUIRES: the
  /// connection is open.
  void mark(std::uint64_t number);

  /// What an acknowledgement or an error means for what was asked first: about a topic, or for a
  /// sign; neither: nothing was.
  struct Answer {
    Topic* topic = nullptr;
    bool refused = false;    ///< The subscription was not granted.
    std::uint64_t mark = 0;  ///< The number of the sign.
  };
  Answer take_acknowledgement(const PubSubFrame& frame);

  /// The connection is new: everything wanted is asked for.
  void on_open();
  /// The connection is lost: nothing is subscribed, nothing under way.
  void on_lost();

  /// Requests to send; the caller takes them.
  std::string& outgoing() { return outgoing_; }

  /// Whether no request is under way.
  bool all_answered() const { return asked_.empty(); }
  /// Whether any of them is subscribed to upstream, or is to be.
  bool wants_upstream() {
    return size() > (find(TopicKind::channel, kStateChannel) != nullptr ? 1U : 0U);
  }
  std::size_t size() const;
  template <typename F>
  void for_each(F f) {
    for (auto& names : topics_) {
      for (auto& entry : names) f(*entry.second);
    }
  }

 private:
  struct Asked {
    TopicKind kind;
    std::string name;
    bool subscribe;
    std::uint64_t mark;  ///< 0: it is about a topic.
  };
  Topic& want(TopicKind kind, std::string_view name);
  void ask(Topic& topic, bool subscribe);

  // Keyed by a view of the topic's own name.
  std::array<std::unordered_map<std::string_view, std::unique_ptr<Topic>>, kTopicKinds> topics_;
  std::deque<Asked> asked_;  ///< In the order sent: acknowledgements come in this order.
  std::string outgoing_;
  bool open_ = false;
};

}  // namespace hawser
