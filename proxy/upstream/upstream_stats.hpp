#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/command_table.hpp"
#include "proxy/runtime/stats.hpp"
#include "proxy/traffic/stats_source.hpp"

namespace hawser {

using protocol::CommandClass;

/// What an upstream connection is for.
enum class LaneRole : std::uint8_t { main, subscriber, publisher, pinned, control };
inline constexpr std::size_t kLaneRoles = 5;
std::string_view lane_role_name(LaneRole role);

/// Why a connection could not be opened or was lost, as a metric label.
enum class ConnectFailure : std::uint8_t { refused, timeout, unresolved, rejected, other };
inline constexpr std::size_t kConnectFailures = 5;
ConnectFailure classify_connect_failure(std::string_view reason);

/// How sending a request again ended.
enum RetryOutcome : std::uint8_t {
  succeeded,
  failed,   ///< It was rejected or lost again.
  refused,  ///< retry.budget
};
inline constexpr std::size_t kRetryOutcomes = 3;

inline constexpr std::size_t kCircuitStates = 3;
/// Of the value of UpstreamStats::circuit.
std::string_view circuit_name(std::int64_t state);

inline constexpr std::size_t kCommandClasses = 7;
std::string_view command_class_name(CommandClass c);

/// Figures of the upstream side. Written by the data thread, read by any.
struct UpstreamStats final : StatsSource {
  explicit UpstreamStats(std::string upstream_label) : upstream(std::move(upstream_label)) {}
  void report(StatsReport& out) const override;

  const std::string upstream;  ///< host:port or path, for the label `upstream`.
  Gauge up;                    ///< Main lanes that are open.
  std::array<Gauge, kLaneRoles> connections;
  std::array<Counter, kConnectFailures> connect_failures;
  Gauge contexts;  ///< Remembered: with a main lane, or proven once.
  Counter reconnects;
  Counter received_bytes;
  Counter sent_bytes;
  Counter protocol_errors;
  Counter swallowed_replies;
  std::array<Counter, kRetryOutcomes> retries;
  /// Of the circuit: 0 closed, 1 half-open, 2 open; and how often it became each of these.
  Gauge circuit;
  std::array<Counter, kCircuitStates> circuit_transitions;
  Gauge latency_micros;  ///< Of the last PING on an idle main or publisher lane; 0: none yet.
  Gauge in_flight;
  std::array<LatencyHistogram, kCommandClasses> duration;
  Gauge pinned_in_use;
  Gauge pinned_waiting;
  LatencyHistogram pinned_wait;
};

}  // namespace hawser
