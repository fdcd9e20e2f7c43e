#pragma once

#include <string>
#include <string_view>

#include "proxy/runtime/byte_chain.hpp"

namespace hawser {

/// The requests of one lane as bytes: first those written and not answered yet, then those not
/// written. What was written stays until it is answered: it is the log from which requests can be
/// sent again. Pure; owned by its Lane.
class LaneBuffer {
 public:
  explicit LaneBuffer(BlockPool& pool) : bytes_(pool) {}

  void append(std::string_view request) { bytes_.append(request); }
  void append(BlockPtr request) { bytes_.append(std::move(request)); }

  std::size_t size() const { return bytes_.size(); }
  std::size_t unsent() const { return bytes_.size() - written_; }
  int describe_unsent(iovec* out, int max) const { return bytes_.describe(out, max, written_); }
  void written(std::size_t n) { written_ += n; }
  /// The oldest request, of `n` bytes, has its reply. One that is answered before it was wholly
  /// written cannot be: the caller closes the lane instead. REQUIRES: n <= size() - unsent().
  void answered(std::size_t n) {
    bytes_.consume(n);
    written_ -= n;
  }
  std::size_t written_unanswered() const { return written_; }
  /// A copy of `n` bytes that begin `offset` bytes behind the oldest unanswered one.
  std::string copy(std::size_t offset, std::size_t n) const;
  void clear();

 private:
  ByteChain bytes_;
  std::size_t written_ = 0;
};

}  // namespace hawser
