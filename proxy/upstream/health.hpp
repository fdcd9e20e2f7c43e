#pragma once

#include <algorithm>
#include <functional>

#include "config/settings.hpp"
#include "proxy/resilience/breaker.hpp"
#include "proxy/resilience/ramp.hpp"
#include "proxy/resilience/retry_budget.hpp"

namespace hawser {

/// How well the upstream is, as its connections tell, and what follows from that for requests.
/// Part of UpstreamParts.
class Health {
 public:
  explicit Health(const config::Settings& settings)
      : breaker_({.samples = static_cast<std::uint32_t>(settings.circuit.samples),
                  .failure_percent = static_cast<std::uint32_t>(settings.circuit.failure_percent),
                  .connect_failures = static_cast<std::uint32_t>(settings.circuit.connect_failures),
                  .time_outs = static_cast<std::uint32_t>(settings.circuit.time_outs),
                  .probe_interval = settings.circuit.probe,
                  .hold_min = settings.circuit.hold_min,
                  .hold_max = settings.circuit.hold_max,
                  .flap = settings.circuit.flap}),
        budget_(settings.retry.budget),
        probe_(settings.circuit.probe) {}

  /// Calls `opened` whenever a sample has opened the circuit.
  void watch(std::function<void()> opened) { opened_ = std::move(opened); }

  bool allows() const { return breaker_.allows(); }
  /// Until Redis is asked the next time whether it is back; at least 1 ms.
  std::chrono::milliseconds retry_in(TimePoint now) const {
    const auto next = breaker_.next_round();
    const Duration left = next ? *next - now : probe_;
    return std::max(std::chrono::milliseconds(1),
                    std::chrono::duration_cast<std::chrono::milliseconds>(left));
  }
  Breaker::Generation generation() const { return breaker_.generation(); }
  Breaker& breaker() { return breaker_; }
  const Breaker& breaker() const { return breaker_; }
  Ramp& ramp() { return ramp_; }
  const Ramp& ramp() const { return ramp_; }
  RetryBudget& budget() { return budget_; }

  /// Replies to requests of the present generation that were no failures.
  void on_successes(std::uint64_t count, TimePoint now) {
    breaker_.on_successes(count, breaker_.generation(), now);
    budget_.on_successes(count);
    ramp_.on_replies(count);
  }
  void on_failure(Breaker::Generation generation, TimePoint now) {
    if (breaker_.on_failure(generation, now)) opened_();
  }
  void on_time_out(Breaker::Generation generation, TimePoint now) {
    if (breaker_.on_time_out(generation, now)) opened_();
  }
  void on_connect_failure(TimePoint now) {
    if (breaker_.on_connect_failure(now)) opened_();
  }
  void on_connected() { breaker_.on_connected(); }

 private:
  Breaker breaker_;
  Ramp ramp_;
  RetryBudget budget_;
  const Duration probe_;
  std::function<void()> opened_;
};

}  // namespace hawser
