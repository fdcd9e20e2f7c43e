#pragma once

#include <chrono>
#include <cstdint>

namespace hawser {

/// Milliseconds since 1970. Only for hints: what is true is what Redis' clock says.
inline std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// When something expires, as it stands in an index: a little later, so that writing it again soon
/// does not move it there.
inline std::int64_t score_of(std::int64_t expiry_ms) {
  constexpr std::int64_t kGrid = 1000;
  return (expiry_ms / kGrid + 1) * kGrid;
}

}  // namespace hawser
