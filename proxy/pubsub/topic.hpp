#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hawser {

class Subscriber;
struct TopicJoin;

/// The three ways to subscribe. A channel's name may be subscribed to in each of them, separately.
enum class TopicKind : std::uint8_t { channel, pattern, shard_channel };
inline constexpr std::size_t kTopicKinds = 3;

/// The words of one kind, as commands and as first element of frames.
struct TopicWords {
  std::string_view subscribe;
  std::string_view unsubscribe;
  std::string_view message;
};
inline constexpr std::array<TopicWords, kTopicKinds> kTopicWords = {{
    {"subscribe", "unsubscribe", "message"},
    {"psubscribe", "punsubscribe", "pmessage"},
    {"ssubscribe", "sunsubscribe", "smessage"},
}};

/// The channel on which hawser itself tells each change of the circuit.
inline constexpr std::string_view kStateChannel = "__hawser__:state";

inline bool is_local_topic(TopicKind kind, std::string_view name) {
  return kind == TopicKind::channel && name == kStateChannel;
}

/// What one user's clients are subscribed to together, once upstream. Owned by Topics.
struct Topic {
  TopicKind kind;
  std::string name;
  std::vector<Subscriber*> members;  ///< nullptr: left while a message was being handed out.
  std::size_t leaving = 0;           ///< Members who get messages only until their leave is done.
  std::vector<TopicJoin*> joins;     ///< Those who want it and are not members yet.
  std::size_t unacknowledged = 0;    ///< Requests about it that are under way.
  std::uint64_t stream = 0;          ///< Of a ChannelWatch's messages; 0: none came yet.
  bool subscribed = false;           ///< The last one of them subscribed.
  bool is_handing_out = false;       ///< Members who leave are only struck out.
  bool is_held = false;              ///< Being dealt with: settled afterwards.
  bool is_local = false;             ///< Hawser's own: never asked for upstream.

  bool is_confirmed() const { return subscribed && unacknowledged == 0; }
  bool is_wanted() const { return members.size() > leaving || !joins.empty(); }
  bool is_unused() const { return members.empty() && joins.empty() && unacknowledged == 0; }
};

/// Topics a client wants together; it becomes a member of all once each is confirmed. Owned by
/// whoever waits for that; stays where it is while its topics know it.
struct TopicJoin {
  std::uint64_t number = 0;    ///< Its owner's name for it.
  std::vector<Topic*> topics;  ///< One for each name, as often as it was named.
  std::size_t unconfirmed = 0;
};

}  // namespace hawser
