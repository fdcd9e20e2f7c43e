#pragma once

#include <cstddef>

#include "proxy/runtime/clock.hpp"

namespace hawser {

/// Decides whether a lane writes now or when the next replies come. While requests are in flight to
/// a server that answers quickly, what has come since goes out together with the next reply's
/// turn: the server then reads many requests at once, for at most one short round trip more. To a
/// server that is far or busy everything is written at once. Pure; owned by its Lane.
class WritePacer {
 public:
  /// Whether to keep `unsent` bytes back, `in_flight` being written and unanswered.
  bool holds(std::size_t in_flight, std::size_t unsent) const {
    return in_flight > 0 && unsent < kMostHeld && round_trip_ < kQuick;
  }
  void on_write(TimePoint now) {
    if (waiting_) return;
    written_ = now;
    waiting_ = true;
  }
  void on_reply(TimePoint now) {
    if (!waiting_) return;
    waiting_ = false;
    round_trip_ += (now - written_ - round_trip_) / 8;
  }

 private:
  static constexpr std::size_t kMostHeld = std::size_t{16} << 10;
  static constexpr Duration kQuick = std::chrono::microseconds(500);

  Duration round_trip_{};  ///< Smoothed.
  TimePoint written_{};
  bool waiting_ = false;
};

}  // namespace hawser
