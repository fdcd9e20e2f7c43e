#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/reply_writer.hpp"
#include "proxy/pubsub/topic.hpp"

namespace hawser {

/// What a frame of a subscriber connection says, in either RESP version. Views into the frame.
struct PubSubFrame {
  enum class Type : std::uint8_t {
    message,
    subscribed,
    unsubscribed,
    error,
    pong,
    invalidation,  ///< Of CLIENT TRACKING, redirected to this connection.
    other,
  };
  Type type = Type::other;
  TopicKind kind = TopicKind::channel;
  /// The channel, or for a pattern's message the pattern; of a pong, what PING said.
  std::string_view topic{};
};

/// What hawser's own PING says that asks whether everything before it has come.
inline constexpr std::string_view kMark = "__hawser__:mark";

/// Reads what is needed to hand a frame on; the payload is not looked at.
PubSubFrame read_frame(std::string_view frame);

/// What a message's frame brings, and where it was published. Views into the frame.
struct PublishedMessage {
  std::string_view channel;
  std::string_view payload;
};
/// Of a frame that read_frame() found to be a message of that kind.
PublishedMessage read_message(std::string_view frame, TopicKind kind);

/// Appends the acknowledgement Redis gives: the kind's word, the topic (nothing: null), the number
/// of subscriptions left.
void write_acknowledgement(std::string& out, protocol::RespVersion resp, std::string_view word,
                           std::optional<std::string_view> topic, std::size_t count);

/// Where RESP2 clients hear of invalidations redirected to them.
inline constexpr std::string_view kInvalidations = "__redis__:invalidate";

/// An invalidation push as a RESP2 client gets it: a message whose payload is the list of keys.
std::string invalidation_message(std::string_view push);

/// Appends a message of hawser's own on a channel.
void write_message(std::string& out, protocol::RespVersion resp, std::string_view channel,
                   std::string_view payload);

}  // namespace hawser
