#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hawser {

/// What becomes of a message on a watched channel.
enum class ChannelVerdict : std::uint8_t {
  deliver,
  repetition,  ///< It came before: nobody gets it again.
  gap,         ///< It is delivered, and those who get it have missed one before it.
};

/// Who knows by the messages of one channel whether one came twice or is missing. Asked by pub/sub;
/// a subscription that brings the channel's messages is a stream of them, by a number. Called on
/// the data thread while messages are being handed out: must not submit requests, nor touch
/// subscribers.
class ChannelWatch {
 public:
  /// The channel it is asked about; constant.
  std::string_view channel() const { return channel_; }
  /// A number no other stream has; never 0.
  std::uint64_t begin_stream() { return ++last_stream_; }
  /// A message came on a stream, once for each stream that brings it.
  virtual ChannelVerdict on_message(std::uint64_t stream, std::string_view payload) = 0;
  /// The stream is at its end, by being unsubscribed, or `lost` with its connection.
  virtual void end_stream(std::uint64_t stream, bool lost) = 0;

 protected:
  explicit ChannelWatch(std::string channel) : channel_(std::move(channel)) {}
  ~ChannelWatch() = default;

 private:
  const std::string channel_;
  std::uint64_t last_stream_ = 0;
};

}  // namespace hawser
