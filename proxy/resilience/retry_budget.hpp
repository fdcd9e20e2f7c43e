#pragma once

#include <algorithm>
#include <cstdint>

namespace hawser {

/// Keeps retries a small part of the traffic: a retry takes a token, a success gives back a tenth
/// of one, and below half of the bucket nothing is retried. Pure.
class RetryBudget {
 public:
  /// `tokens` in the full bucket; 0: nothing is ever retried.
  explicit RetryBudget(std::uint64_t tokens) : full_(tokens * kParts), left_(full_) {}

  void on_successes(std::uint64_t count) {
    if (left_ < full_) left_ = std::min(full_, left_ + count);
  }
  /// Takes the tokens for `count` retries, or none if there are too few.
  bool take(std::uint64_t count) {
    if (left_ < count * kParts + full_ / 2) return false;
    left_ -= count * kParts;
    return true;
  }

 private:
  static constexpr std::uint64_t kParts = 10;  ///< Of a token; a success gives one.
  std::uint64_t full_;
  std::uint64_t left_;
};

}  // namespace hawser
