#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string_view>

#include "proxy/runtime/block.hpp"

namespace hawser {

/// Bytes waiting to be written: a queue of blocks. Small pieces are copied together, a large block
/// is taken over as it is. Holds no memory while empty.
class ByteChain {
 public:
  explicit ByteChain(BlockPool& pool) : pool_(&pool) {}
  ~ByteChain() { clear(); }
  ByteChain(const ByteChain&) = delete;
  ByteChain& operator=(const ByteChain&) = delete;

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  void append(std::string_view bytes) {
    if (tail_ != nullptr && bytes.size() <= tail_->room()) {
      tail_->append(bytes);
      size_ += bytes.size();
    } else {
      append_slowly(bytes);
    }
  }
  void append(BlockPtr block);
  /// Takes `part`, which lies in `source`, without copying it.
  void append(const std::shared_ptr<Block>& source, std::string_view part);
  /// Appends all of `other`, which is empty then.
  void splice(ByteChain& other);
  /// Drops `n` bytes from the front. REQUIRES: n <= size().
  void consume(std::size_t n);
  void clear();
  /// Describes up to `max` pieces that begin `skip` bytes behind the front; returns how many.
  int describe(iovec* out, int max, std::size_t skip = 0) const;

 private:
  void append_slowly(std::string_view bytes);
  void push(Block* block);

  BlockPool* pool_;
  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hawser
