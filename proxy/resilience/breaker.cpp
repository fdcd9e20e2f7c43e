#include "proxy/resilience/breaker.hpp"

#include <algorithm>

namespace hawser {

Breaker::Bucket& Breaker::bucket(TimePoint now) {
  const std::int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  Bucket& bucket = window_[static_cast<std::size_t>(second % kSeconds)];
  if (bucket.second != second) bucket = {second, 0, 0};
  return bucket;
}

void Breaker::on_successes(std::uint64_t count, Generation generation, TimePoint now) {
  if (generation != generation_ || state_ != State::closed) return;
  time_outs_ = 0;
  bucket(now).successes += count;
}

bool Breaker::on_failure(Generation generation, TimePoint now) {
  return generation == generation_ && fail(now, Reason::none);
}

bool Breaker::on_time_out(Generation generation, TimePoint now) {
  if (generation != generation_) return false;
  ++time_outs_;
  return fail(now, time_outs_ >= limits_.time_outs ? Reason::time_outs : Reason::none);
}

bool Breaker::on_connect_failure(TimePoint now) {
  ++connect_failures_;
  return fail(
      now, connect_failures_ >= limits_.connect_failures ? Reason::connect_failures : Reason::none);
}

/// `in_a_row`: what has happened so often in a row that it opens by that alone.
bool Breaker::fail(TimePoint now, Reason in_a_row) {
  if (state_ != State::closed || mode_ != Mode::automatic) return false;
  Bucket& present = bucket(now);
  ++present.failures;
  if (in_a_row != Reason::none) {
    open(in_a_row, now);
    return true;
  }
  std::uint64_t samples = 0;
  std::uint64_t failures = 0;
  for (const Bucket& each : window_) {
    if (present.second - each.second >= kSeconds) continue;
    samples += each.successes + each.failures;
    failures += each.failures;
  }
  if (samples < limits_.samples || failures * 100 < samples * limits_.failure_percent) return false;
  open(Reason::failure_rate, now);
  return true;
}

void Breaker::open(Reason reason, TimePoint now) {
  const bool flaps = closed_at_ && now - *closed_at_ < limits_.flap;
  hold_ = flaps ? std::clamp<Duration>(hold_ * 2, limits_.hold_min, limits_.hold_max) : Duration{};
  held_until_ = now + hold_;
  state_ = State::open;
  reason_ = reason;
  ++generation_;
  window_ = {};
  time_outs_ = 0;
  good_rounds_ = 0;
  last_good_ = rounds_;  // Rounds from before say nothing.
  next_round_ = now;
}

std::optional<TimePoint> Breaker::next_round() const {
  if (state_ == State::closed || mode_ != Mode::automatic) return std::nullopt;
  return next_round_;
}

std::uint32_t Breaker::begin_round(TimePoint now) {
  next_round_ = now + limits_.probe_interval;
  return ++rounds_;
}

void Breaker::end_round(std::uint32_t round, bool good, TimePoint now) {
  if (state_ == State::closed || round <= last_good_) return;
  if (!good) {
    good_rounds_ = 0;
    if (state_ == State::half_open) reason_ = Reason::bad_round;
    state_ = State::open;
    return;
  }
  last_good_ = round;
  ++good_rounds_;
  state_ = State::half_open;
  if (good_rounds_ < kGoodRounds) next_round_ = now + kBetweenGoodRounds;
}

bool Breaker::may_close(TimePoint now) const {
  return state_ == State::half_open && mode_ == Mode::automatic && good_rounds_ >= kGoodRounds &&
         now >= held_until_;
}

void Breaker::close(TimePoint now) {
  state_ = State::closed;
  reason_ = Reason::none;
  ++generation_;
  connect_failures_ = 0;
  closed_at_ = now;
}

void Breaker::set_mode(Mode mode, TimePoint now) {
  mode_ = mode;
  if (mode == Mode::held_closed && state_ != State::closed) {
    close(now);
    reason_ = Reason::operator_;
  } else if (mode == Mode::held_open && state_ != State::open) {
    open(Reason::operator_, now);
  } else if (mode == Mode::automatic) {
    next_round_ = now;
  }
}

}  // namespace hawser
