#pragma once

#include <cstddef>
#include <deque>
#include <utility>

namespace hawser {

/// Invalidations that were accepted while Redis was away, in their order, each kept until it is
/// done. In memory only: it ends with the process. Pure.
template <typename Order>
class InvalidationJournal {
 public:
  explicit InvalidationJournal(std::size_t most_targets) : most_(most_targets) {}

  /// False, and nothing kept, if its `targets` would be too many.
  bool add(Order order, std::size_t targets) {
    if (targets > most_ - targets_) return false;
    targets_ += targets;
    entries_.emplace_back(std::move(order), targets);
    return true;
  }
  bool empty() const { return entries_.empty(); }
  std::size_t targets() const { return targets_; }
  const Order& front() const { return entries_.front().first; }
  void pop() {
    targets_ -= entries_.front().second;
    entries_.pop_front();
  }

 private:
  const std::size_t most_;
  std::size_t targets_ = 0;
  std::deque<std::pair<Order, std::size_t>> entries_;
};

}  // namespace hawser
