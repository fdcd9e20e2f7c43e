#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hawser {

/// What Prometheus wants to know of every process (process_* metrics), as the kernel tells it.
struct ProcessStats {
  double cpu_seconds = 0;    ///< User and system time.
  double start_seconds = 0;  ///< Since the Unix epoch.
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;  ///< The soft limit; 0: unlimited.
};

/// Fills in what /proc/PID/stat knows (all but the descriptors) from its text. The units are the
/// machine's: clock ticks per second, bytes per page, seconds since the epoch at boot. Nothing if
/// the text is not as proc(5) has it.
std::optional<ProcessStats> parse_process_stat(std::string_view stat, double ticks_per_second,
                                               std::uint64_t page_bytes, double boot_seconds);

/// Of this process, now; from any thread. Nothing where there is no /proc.
std::optional<ProcessStats> read_process_stats();

}  // namespace hawser
