#pragma once

#include <optional>
#include <span>
#include <string>

#include "proxy/admin/process_stats.hpp"
#include "proxy/log.hpp"
#include "proxy/traffic/stats_source.hpp"

namespace hawser {

/// All that `sources` report, and `process` if there is, in Prometheus' text format 0.0.4.
/// Families stand in the order in which they were first reported; what has the same name is one
/// family, and what has the same labels too is added up. Throws std::logic_error if a name comes
/// with two types. Called from the admin thread at each scrape.
std::string render_metrics(std::span<const StatsSource* const> sources,
                           const std::optional<ProcessStats>& process);

/// hawser_build_info: which build this is. `revision` may be empty: then it has no such label.
class BuildStats final : public StatsSource {
 public:
  BuildStats(std::string version, std::string revision)
      : version_(std::move(version)), revision_(std::move(revision)) {}
  void report(StatsReport& out) const override;

 private:
  std::string version_;
  std::string revision_;
};

/// hawser_log_messages_dropped_total. Does not own the logger.
class LogStats final : public StatsSource {
 public:
  explicit LogStats(const Logger& log) : log_(log) {}
  void report(StatsReport& out) const override;

 private:
  const Logger& log_;
};

}  // namespace hawser
