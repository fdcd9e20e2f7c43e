#pragma once

#include <cstdint>

namespace hawser {

/// One caller's way through what is set apart under a tag, which others may be working on as well,
/// for invalidations that began earlier or later. It is at its end when all that was in the index
/// as it began is deleted. Pure.
///
/// Only one such set is there at a time; an index is set apart when the one before is empty, and
/// gets a sequence then. What was in the index at the beginning is in the present set or in the
/// next one: the first that has a sequence not below the caller's own.
class DrainProgress {
 public:
  /// `begin`: the sequence the caller's invalidation was noted with; 0: only what is set apart
  /// already is to be finished.
  explicit DrainProgress(std::int64_t begin) : begin_(begin) {}

  /// Whether the index is still to be set apart.
  bool wants_rename() const { return begin_ > 0 && covering_ == 0; }

  /// A batch was deleted. `sequence`: of the set it was taken from, 0: there was none any more;
  /// `left`: members left in it. Returns whether this caller is done.
  bool on_batch(std::int64_t sequence, std::int64_t left) {
    if (sequence == 0) return true;
    if (covering_ == 0 && sequence >= begin_) covering_ = sequence;
    if (covering_ == 0) return false;
    return sequence > covering_ || left == 0;
  }

 private:
  std::int64_t begin_;
  std::int64_t covering_ = 0;  ///< The sequence of the set that holds the last of what is wanted.
};

}  // namespace hawser
