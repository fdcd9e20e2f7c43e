#pragma once

#include <chrono>

namespace hawser {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

/// The time of the present turn of the loop, read once per turn. Everything on the data path takes
/// its time from here; tests set it by hand.
struct TurnClock {
  TimePoint now{};
};

}  // namespace hawser
