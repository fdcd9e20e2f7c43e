#include "proxy/runtime/byte_chain.hpp"

#include <algorithm>

namespace hawser {

void ByteChain::push(Block* block) {
  (tail_ != nullptr ? tail_->next_ : head_) = block;
  tail_ = block;
}

void ByteChain::append_slowly(std::string_view bytes) {
  size_ += bytes.size();
  if (tail_ != nullptr) {
    const std::size_t fits = std::min(bytes.size(), tail_->room());
    tail_->append(bytes.substr(0, fits));
    bytes.remove_prefix(fits);
  }
  if (bytes.empty()) return;
  push(pool_->take(bytes.size()).release());
  tail_->append(bytes);
}

void ByteChain::append(BlockPtr block) {
  if (block->size() == 0) return;
  size_ += block->size();
  push(block.release());
}

void ByteChain::append(const std::shared_ptr<Block>& source, std::string_view part) {
  size_ += part.size();
  // What follows in the same source makes the last view longer.
  if (tail_ != nullptr && tail_->source_ == source && tail_->space() == part.data()) {
    tail_->end_ += part.size();
  } else {
    push(pool_->view(source, part).release());
  }
}

void ByteChain::splice(ByteChain& other) {
  if (other.head_ == nullptr) return;
  push(other.head_);
  tail_ = other.tail_;
  size_ += other.size_;
  other.head_ = other.tail_ = nullptr;
  other.size_ = 0;
}

void ByteChain::consume(std::size_t n) {
  size_ -= n;
  while (head_ != nullptr && n >= head_->size()) {
    n -= head_->size();
    BlockPtr gone(head_);
    head_ = head_->next_;
    gone->next_ = nullptr;
  }
  if (head_ == nullptr) {
    tail_ = nullptr;
  } else {
    head_->consume(n);
  }
}

void ByteChain::clear() {
  while (head_ != nullptr) {
    BlockPtr gone(head_);
    head_ = head_->next_;
    gone->next_ = nullptr;
  }
  tail_ = nullptr;
  size_ = 0;
}

int ByteChain::describe(iovec* out, int max, std::size_t skip) const {
  int count = 0;
  for (Block* block = head_; block != nullptr && count < max; block = block->next_) {
    if (skip >= block->size()) {
      skip -= block->size();
      continue;
    }
    out[count++] = {block->data() + skip, block->size() - skip};
    skip = 0;
  }
  return count;
}

}  // namespace hawser
