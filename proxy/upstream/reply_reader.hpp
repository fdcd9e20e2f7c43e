#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/reply_framer.hpp"
#include "proxy/runtime/block.hpp"
#include "proxy/traffic/slot_handle.hpp"

namespace hawser {

/// Cuts what an upstream connection sends into whole replies. Reads into shared scratch memory and
/// keeps only an unfinished rest; a large reply is received straight into a block of its own. Pure:
/// the lane does the receiving. One per connection, for its whole life.
class ReplyReader {
 public:
  enum class Event : std::uint8_t {
    reply,      ///< reply() is a whole reply.
    push,       ///< reply() is a whole RESP3 push frame.
    part,       ///< part() belongs to a reply that is too long to be kept; more follows.
    last_part,  ///< part() ends such a reply.
    need_more,  ///< Nothing more in what was received.
    error,      ///< Not RESP: the connection cannot be read any further.
  };
  struct Space {
    char* data;
    std::size_t room;
  };

  ReplyReader(const protocol::Limits& limits, BlockPool& pool, char* scratch,
              std::size_t scratch_bytes);

  /// Where to receive the next bytes.
  Space prepare();
  /// `n` bytes were received there. next() must be called until it says need_more or error.
  void commit(std::size_t n);
  /// `stream_above`: a reply longer than this is handed out in parts (0: never).
  Event next(std::size_t stream_above);

  Reply reply() { return {bytes_, owns_whole_ ? &block_ : nullptr}; }
  std::string_view part() const { return bytes_; }
  bool is_error_reply() const { return framer_.is_error(); }

  /// Whether the next byte to be looked at begins a reply.
  bool between_replies() const { return scanned_ == 0 && !streaming_; }
  void want_elements() { framer_.want_elements(); }
  const std::vector<std::size_t>& element_offsets() const { return framer_.element_offsets(); }

 private:
  Event take(Event event);
  void park();

  static constexpr std::size_t kDirect = std::size_t{16} << 10;

  protocol::ReplyFramer framer_;
  BlockPool& pool_;
  char* scratch_;
  std::size_t scratch_bytes_;
  BlockPtr block_;           ///< Holds the unfinished rest between two receives.
  std::string_view unread_;  ///< In scratch or block_; begins with the present reply.
  std::size_t scanned_ = 0;  ///< Bytes of it that the framer has seen.
  std::string_view bytes_;
  bool streaming_ = false;
  bool owns_whole_ = false;
};

}  // namespace hawser
