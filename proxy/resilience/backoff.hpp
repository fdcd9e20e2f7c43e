#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace hawser {

/// Delays between attempts to reconnect: doubling from `min` to `max`, each one drawn between half
/// of it and the whole. Pure; owned by whoever reconnects.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;
  Backoff(Milliseconds min, Milliseconds max, std::uint32_t seed)
      : min_(min), max_(max), random_(seed) {}

  /// The delay before the next attempt; longer each time.
  Milliseconds next();
  /// After a success: the next delay is short again.
  void reset() { ceiling_ = Milliseconds{0}; }

 private:
  Milliseconds min_;
  Milliseconds max_;
  Milliseconds ceiling_{0};
  std::minstd_rand random_;
};

}  // namespace hawser
