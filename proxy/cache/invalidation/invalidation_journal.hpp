#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <utility>

#include "proxy/runtime/clock.hpp"

namespace hawser {

/// Invalidations that were accepted while Redis was away, in their order, each kept until it is
/// done or given up. One at a time is taken to be performed; one that cannot be goes behind the
/// others for a while. In memory only: it ends with the process. Pure.
template <typename Order>
class InvalidationJournal {
 public:
  InvalidationJournal(std::size_t most_targets, std::size_t most_bytes)
      : most_targets_(most_targets), most_bytes_(most_bytes) {}

  /// False, and nothing kept, if its `targets` or its `bytes` would be too many.
  bool add(Order order, std::size_t targets, std::size_t bytes) {
    if (targets > most_targets_ - targets_ || bytes > most_bytes_ - bytes_) return false;
    targets_ += targets;
    bytes_ += bytes;
    entries_.push_back({std::move(order), targets, bytes, 0, {}});
    return true;
  }
  bool empty() const { return entries_.empty(); }
  std::size_t targets() const { return targets_; }

  /// The first one whose time has come is taken; nullptr: there is none. REQUIRES: none is taken.
  const Order* take(TimePoint now) {
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->not_before > now) continue;
      taken_ = it;
      return &it->order;
    }
    return nullptr;
  }
  /// When the next one's time comes.
  std::optional<TimePoint> next() const {
    std::optional<TimePoint> first;
    for (const Entry& entry : entries_) {
      if (!first || entry.not_before < *first) first = entry.not_before;
    }
    return first;
  }
  /// Every one's time has come.
  void make_due() {
    for (Entry& entry : entries_) entry.not_before = {};
  }

  // What became of the one that was taken. REQUIRES: one is.

  const Order& taken() const { return (*taken_)->order; }
  /// How often it was put off.
  unsigned attempts() const { return (*taken_)->attempts; }
  /// Done or given up.
  void remove() {
    targets_ -= (*taken_)->targets;
    bytes_ -= (*taken_)->bytes;
    entries_.erase(*taken_);
    taken_.reset();
  }
  /// It stays at its place.
  void put_back() { taken_.reset(); }
  /// It goes behind the others.
  void put_off(TimePoint until) {
    ++(*taken_)->attempts;
    (*taken_)->not_before = until;
    entries_.splice(entries_.end(), entries_, *taken_);
    taken_.reset();
  }

 private:
  struct Entry {
    Order order;
    std::size_t targets;
    std::size_t bytes;
    unsigned attempts;
    TimePoint not_before;
  };

  const std::size_t most_targets_;
  const std::size_t most_bytes_;
  std::size_t targets_ = 0;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;
  std::optional<typename std::list<Entry>::iterator> taken_;
};

}  // namespace hawser
