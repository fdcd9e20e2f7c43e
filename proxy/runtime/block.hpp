#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "proxy/runtime/stats.hpp"

namespace hawser {

class BlockPool;

/// A run of bytes that is filled at its end and consumed at its front. Lives in a BlockPool. A view
/// is a block without memory of its own: a part of another one, which it keeps alive.
class Block {
 public:
  char* data() { return bytes() + begin_; }
  const char* data() const { return bytes() + begin_; }
  std::size_t size() const { return end_ - begin_; }
  std::string_view view() const { return {data(), size()}; }

  char* space() { return bytes() + end_; }
  std::size_t room() const { return capacity_ > end_ ? capacity_ - end_ : 0; }
  /// REQUIRES: n <= room(); the bytes have been written to space().
  void commit(std::size_t n) { end_ += n; }
  /// REQUIRES: n <= size().
  void consume(std::size_t n) { begin_ += n; }
  /// REQUIRES: bytes.size() <= room().
  void append(std::string_view bytes) {
    if (bytes.empty()) return;  // It may be a view of nothing at all.
    std::memcpy(space(), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  std::size_t capacity() const { return capacity_; }

 private:
  friend class BlockPool;
  friend class ByteChain;
  friend struct BlockReturn;

  Block(BlockPool& pool, std::size_t capacity)
      : pool_(&pool), bytes_(reinterpret_cast<char*>(this + 1)), capacity_(capacity) {}
  Block(BlockPool& pool, std::shared_ptr<Block> source, std::string_view part)
      : pool_(&pool),
        bytes_(source->bytes_),
        capacity_(0),
        begin_(static_cast<std::size_t>(part.data() - bytes_)),
        end_(begin_ + part.size()),
        source_(std::move(source)) {}
  char* bytes() { return bytes_; }
  const char* bytes() const { return bytes_; }

  BlockPool* pool_;
  char* bytes_;            ///< Behind this object; of a view, its source's.
  Block* next_ = nullptr;  ///< In a ByteChain, or in the pool's list of free ones.
  std::size_t capacity_;   ///< 0: a view.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::shared_ptr<Block> source_;
};

struct BlockReturn {
  void operator()(Block* block) const;
};
using BlockPtr = std::unique_ptr<Block, BlockReturn>;

/// Gives out blocks, keeps a few of the ordinary size for the next taker, and counts all bytes in
/// use. Owned by the Loop; must outlive its blocks; used on the data thread only.
class BlockPool {
 public:
  /// What fits into an ordinary block, bytes.
  static constexpr std::size_t kOrdinary = std::size_t{16} << 10;

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// An empty block with room for at least `room` bytes.
  BlockPtr take(std::size_t room = kOrdinary);
  /// A view of `part`, which lies in `source`.
  BlockPtr view(std::shared_ptr<Block> source, std::string_view part);
  /// Room of all blocks now given out, bytes.
  std::size_t bytes_in_use() const { return static_cast<std::size_t>(in_use_.value()); }
  const Gauge& in_use() const { return in_use_; }

 private:
  friend struct BlockReturn;
  void give_back(Block* block);

  static constexpr std::size_t kKept = 256;  ///< 4 MiB of spare ordinary blocks.
  Block* free_ = nullptr;
  std::size_t free_count_ = 0;
  Gauge in_use_;
};

}  // namespace hawser
