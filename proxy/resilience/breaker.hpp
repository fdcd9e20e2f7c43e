#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "proxy/runtime/clock.hpp"

namespace hawser {

/// Decides whether requests may be sent to an upstream node, from how earlier ones ended and how
/// the rounds of questions ended that hawser asks while they may not. Pure: time is passed in.
///
/// closed -> open on too many failures; open -> half-open on a good round of questions; half-open
/// -> closed when the rounds stay good and close() is called, or back to open on a bad one.
class Breaker {
 public:
  enum class State : std::uint8_t { closed, half_open, open };
  /// Why it opened, or what holds it.
  enum class Reason : std::uint8_t {
    none,
    failure_rate,
    connect_failures,
    time_outs,
    bad_round,  ///< It was half-open.
    operator_,  ///< It was told to.
  };
  /// By whom it is moved.
  enum class Mode : std::uint8_t { automatic, held_open, held_closed };

  struct Limits {
    std::uint32_t samples;           ///< Fewer in the window tell nothing.
    std::uint32_t failure_percent;   ///< Of the samples in the window.
    std::uint32_t connect_failures;  ///< In a row.
    std::uint32_t time_outs;         ///< In a row.
    Duration probe_interval;         ///< Between the beginnings of two rounds while open.
    Duration hold_min;               ///< How long a circuit that flaps stays open; doubles ...
    Duration hold_max;               ///< ... to this.
    Duration flap;                   ///< One opened again so soon after it was closed flaps.
  };

  /// What a sample is given to tell it from those before the last transition.
  using Generation = std::uint16_t;

  explicit Breaker(const Limits& limits) : limits_(limits) {}

  State state() const { return state_; }
  Reason reason() const { return reason_; }
  Mode mode() const { return mode_; }
  bool allows() const { return state_ == State::closed; }
  Generation generation() const { return generation_; }

  // Samples: of `generation`, which are ignored if it is not the present one. Each returns whether
  // the circuit opened by it.
  void on_successes(std::uint64_t count, Generation generation, TimePoint now);
  bool on_failure(Generation generation, TimePoint now);
  bool on_time_out(Generation generation, TimePoint now);
  bool on_connect_failure(TimePoint now);
  void on_connected() { connect_failures_ = 0; }

  /// When the next round of questions is to begin; nothing while it is closed or held.
  std::optional<TimePoint> next_round() const;
  /// A round begins; returns its number.
  std::uint32_t begin_round(TimePoint now);
  /// A round ended. Rounds may overlap: a bad one that began before the last good one says nothing.
  void end_round(std::uint32_t round, bool good, TimePoint now);
  /// Whether enough rounds were good, and the circuit may be closed once all is as it was.
  bool may_close(TimePoint now) const;
  /// Closes it. REQUIRES: may_close().
  void close(TimePoint now);

  /// The operator's word; `automatic` lets it go on from where it is: open until rounds are good.
  void set_mode(Mode mode, TimePoint now);

 private:
  struct Bucket {
    std::int64_t second = -1;
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
  };
  Bucket& bucket(TimePoint now);
  bool fail(TimePoint now, Reason in_a_row);
  void open(Reason reason, TimePoint now);

  static constexpr std::int64_t kSeconds = 10;  ///< Of the window, a bucket for each.
  static constexpr Duration kBetweenGoodRounds = std::chrono::milliseconds(50);
  static constexpr std::uint32_t kGoodRounds = 2;

  const Limits limits_;
  State state_ = State::closed;
  Reason reason_ = Reason::none;
  Mode mode_ = Mode::automatic;
  Generation generation_ = 0;
  std::array<Bucket, kSeconds> window_{};
  std::uint32_t connect_failures_ = 0;  ///< In a row.
  std::uint32_t time_outs_ = 0;         ///< In a row.
  std::optional<TimePoint> closed_at_;
  Duration hold_{};  ///< How long the present opening lasts at least.
  TimePoint held_until_{};
  TimePoint next_round_{};
  std::uint32_t rounds_ = 0;     ///< Begun so far.
  std::uint32_t last_good_ = 0;  ///< Number of the latest good round.
  std::uint32_t good_rounds_ = 0;
};

}  // namespace hawser
