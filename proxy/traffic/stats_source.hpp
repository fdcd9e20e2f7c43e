#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "proxy/runtime/stats.hpp"

namespace hawser {

/// Takes what a room reports of itself. Implemented by admin/ for /metrics and /status.
class StatsReport {
 public:
  struct Label {
    std::string_view name;
    std::string_view value;
  };
  using Labels = std::initializer_list<Label>;

  virtual ~StatsReport() = default;
  /// `name` is the whole metric name ("hawser_commands_total"), `help` one line of ASCII. Calls
  /// with the same name must come with the same help and label names.
  virtual void counter(std::string_view name, std::string_view help, Labels labels,
                       std::uint64_t value) = 0;
  virtual void gauge(std::string_view name, std::string_view help, Labels labels, double value) = 0;
  virtual void histogram(std::string_view name, std::string_view help, Labels labels,
                         const LatencyHistogram& value) = 0;
};

/// A room that has figures to show. report() is called from the admin thread while the data thread
/// runs: it may read only counters, gauges and histograms, and constants fixed before start.
class StatsSource {
 public:
  virtual ~StatsSource() = default;
  virtual void report(StatsReport& out) const = 0;
};

}  // namespace hawser
