#include "proxy/pubsub/frames.hpp"

#include <charconv>

namespace hawser {

namespace {

/// Takes the bulk string at the front of `rest`; nothing if there is none.
std::optional<std::string_view> take_bulk(std::string_view& rest) {
  if (!rest.starts_with('$')) return std::nullopt;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), length);
  const auto header = static_cast<std::size_t>(end - rest.data()) + 2;
  if (error != std::errc() || rest.size() < header + length + 2) return std::nullopt;
  const std::string_view bytes = rest.substr(header, length);
  rest.remove_prefix(header + length + 2);
  return bytes;
}

}  // namespace

PubSubFrame read_frame(std::string_view frame) {
  if (frame.starts_with('-') || frame.starts_with('!')) return {.type = PubSubFrame::Type::error};
  if (frame.starts_with('$')) {
    const auto said = take_bulk(frame);
    return {.type = PubSubFrame::Type::pong, .topic = said.value_or(std::string_view())};
  }
  if (!frame.starts_with('>') && !frame.starts_with('*')) return {};
  std::string_view rest = frame.substr(std::min(frame.find('\n'), frame.size() - 1) + 1);
  const auto word = take_bulk(rest);
  if (word == "invalidate") {
    return {PubSubFrame::Type::invalidation, TopicKind::channel, kInvalidations};
  }
  const auto topic = take_bulk(rest);
  if (!word || !topic) return {};
  if (*word == "pong") return {.type = PubSubFrame::Type::pong, .topic = *topic};
  for (std::size_t i = 0; i < kTopicKinds; ++i) {
    const TopicWords& words = kTopicWords[i];
    const auto kind = static_cast<TopicKind>(i);
    if (*word == words.message) return {PubSubFrame::Type::message, kind, *topic};
    if (*word == words.subscribe) return {PubSubFrame::Type::subscribed, kind, *topic};
    if (*word == words.unsubscribe) return {PubSubFrame::Type::unsubscribed, kind, *topic};
  }
  return {};
}

PublishedMessage read_message(std::string_view frame, TopicKind kind) {
  std::string_view rest = frame.substr(std::min(frame.find('\n'), frame.size() - 1) + 1);
  take_bulk(rest);
  if (kind == TopicKind::pattern) take_bulk(rest);
  const auto channel = take_bulk(rest);
  const auto payload = take_bulk(rest);
  return {channel.value_or(std::string_view()), payload.value_or(std::string_view())};
}

void write_acknowledgement(std::string& out, protocol::RespVersion resp, std::string_view word,
                           std::optional<std::string_view> topic, std::size_t count) {
  protocol::ReplyWriter writer(out, resp);
  writer.push(3);
  writer.bulk(word);
  if (topic) {
    writer.bulk(*topic);
  } else {
    writer.null();
  }
  writer.integer(static_cast<std::int64_t>(count));
}

std::string invalidation_message(std::string_view push) {
  std::string_view keys = push.substr(push.find('\n') + 1);
  take_bulk(keys);
  std::string out;
  protocol::ReplyWriter writer(out, protocol::RespVersion::resp2);
  writer.array(3);
  writer.bulk(kTopicWords[0].message);
  writer.bulk(kInvalidations);
  if (keys.starts_with('_')) {
    writer.null_array();  // Of everything.
  } else {
    out += keys;
  }
  return out;
}

void write_message(std::string& out, protocol::RespVersion resp, std::string_view channel,
                   std::string_view payload) {
  protocol::ReplyWriter writer(out, resp);
  writer.push(3);
  writer.bulk(kTopicWords[0].message);
  writer.bulk(channel);
  writer.bulk(payload);
}

}  // namespace hawser
