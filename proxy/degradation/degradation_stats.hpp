#pragma once

#include "proxy/runtime/stats.hpp"
#include "proxy/traffic/stats_source.hpp"

namespace hawser {

/// What was answered without Redis. Written by the data thread, read by any.
struct DegradationStats final : StatsSource {
  void report(StatsReport& out) const override {
    constexpr const char* kName = "hawser_degraded_total";
    constexpr const char* kHelp = "Requests answered by a rule while the circuit was not closed.";
    out.counter(kName, kHelp, {{"action", "miss"}}, missed.value());
    out.counter(kName, kHelp, {{"action", "drop"}}, dropped.value());
    out.gauge("hawser_drop_journal_keys", "Keys of dropped writes that are yet to be deleted.", {},
              static_cast<double>(journal_keys.value()));
    out.gauge("hawser_drop_journal_flushes",
              "Patterns whose keys are yet to be deleted because the journal was full.", {},
              static_cast<double>(flushes.value()));
  }
  Counter missed;
  Counter dropped;
  Gauge journal_keys;
  Gauge flushes;
};

}  // namespace hawser
