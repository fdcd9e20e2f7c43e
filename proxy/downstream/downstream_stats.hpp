#pragma once

#include <array>
#include <string>
#include <vector>

#include "protocol/command_table.hpp"
#include "proxy/runtime/stats.hpp"
#include "proxy/traffic/failure.hpp"
#include "proxy/traffic/stats_source.hpp"

namespace hawser {

/// Figures of the client side. Written by the data thread, read by any.
struct DownstreamStats final : StatsSource {
  DownstreamStats();
  void report(StatsReport& out) const override;

  /// One listener's clients; constant count after start.
  struct Listener {
    std::string name;
    std::string path;       ///< Of a Unix socket.
    bool is_local = false;  ///< It is one.
    Gauge connections;
    Counter accepted;
  };
  std::vector<std::unique_ptr<Listener>> listeners;

  Counter rejected_full;                     ///< Over clients.max.
  Counter rejected_system;                   ///< No descriptor or memory left.
  std::vector<Counter> commands;             ///< By Command::index; the last one is "other".
  std::vector<Counter> failures;             ///< By Failure.
  Counter upstream_errors;                   ///< Error replies of the upstream, passed on.
  std::array<LatencyHistogram, 7> duration;  ///< By CommandClass.
  Counter received_bytes;
  Counter sent_bytes;
  Counter protocol_errors;
  Counter output_limit_closes;
  Gauge draining;
  const Gauge* buffers = nullptr;
};

}  // namespace hawser
