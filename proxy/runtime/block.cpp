#include "proxy/runtime/block.hpp"

#include <algorithm>
#include <new>

namespace hawser {

void BlockReturn::operator()(Block* block) const {
  block->pool_->give_back(block);
}

BlockPool::~BlockPool() {
  while (free_ != nullptr) {
    Block* next = free_->next_;
    ::operator delete(free_);
    free_ = next;
  }
}

BlockPtr BlockPool::take(std::size_t room) {
  const std::size_t capacity = std::max(room, kOrdinary);
  in_use_.add(static_cast<std::int64_t>(capacity));
  if (capacity == kOrdinary && free_ != nullptr) {
    Block* block = free_;
    free_ = block->next_;
    --free_count_;
    block->next_ = nullptr;
    return BlockPtr(block);
  }
  void* memory = ::operator new(sizeof(Block) + capacity);
  return BlockPtr(new (memory) Block(*this, capacity));
}

BlockPtr BlockPool::view(std::shared_ptr<Block> source, std::string_view part) {
  return BlockPtr(new Block(*this, std::move(source), part));
}

void BlockPool::give_back(Block* block) {
  if (block->source_ != nullptr) {
    delete block;
    return;
  }
  in_use_.add(-static_cast<std::int64_t>(block->capacity_));
  if (block->capacity_ == kOrdinary && free_count_ < kKept) {
    block->begin_ = block->end_ = 0;
    block->next_ = free_;
    free_ = block;
    ++free_count_;
    return;
  }
  ::operator delete(block);
}

}  // namespace hawser
