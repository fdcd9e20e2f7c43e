#pragma once

#include <cstdint>

namespace hawser {

/// How many requests may be in flight on a connection after the circuit was closed: few at first,
/// one more for each reply, so that a server that has just come back is not run over. Pure.
class Ramp {
 public:
  bool allows(std::size_t in_flight) const { return in_flight < limit_; }
  void begin() { limit_ = kFirst; }
  void on_replies(std::uint64_t count) {
    if (limit_ == kUnlimited) return;
    limit_ += count;
    if (limit_ >= kEnough) limit_ = kUnlimited;
  }

 private:
  static constexpr std::uint64_t kFirst = 16;
  static constexpr std::uint64_t kEnough = 4096;
  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
  std::uint64_t limit_ = kUnlimited;
};

}  // namespace hawser
