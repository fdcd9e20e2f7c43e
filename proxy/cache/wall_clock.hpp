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

/// Every so many writes of tagged keys one looks for 32 dead members: twice as many as are added.
inline constexpr std::uint32_t kPruneEvery = 16;

}  // namespace hawser
