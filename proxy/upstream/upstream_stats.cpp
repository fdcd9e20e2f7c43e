#include "proxy/upstream/upstream_stats.hpp"

namespace hawser {

namespace {

constexpr std::array<std::string_view, kLaneRoles> kRoleNames = {"main", "subscriber", "publisher",
                                                                 "pinned", "control"};
constexpr std::array<std::string_view, kConnectFailures> kFailureNames = {
    "refused", "timeout", "unresolved", "rejected", "other"};
constexpr std::array<std::string_view, kCommandClasses> kClassNames = {
    "read", "write", "blocking", "pubsub", "script", "transaction", "cache"};

constexpr std::array<std::string_view, kRetryOutcomes> kOutcomeNames = {"succeeded", "failed",
                                                                        "refused"};
constexpr std::array<std::string_view, kCircuitStates> kCircuitNames = {"closed", "half-open",
                                                                        "open"};

}  // namespace

std::string_view circuit_name(std::int64_t state) {
  return kCircuitNames[static_cast<std::size_t>(state)];
}

std::string_view lane_role_name(LaneRole role) {
  return kRoleNames[static_cast<std::size_t>(role)];
}

std::string_view command_class_name(CommandClass c) {
  return kClassNames[static_cast<std::size_t>(c)];
}

ConnectFailure classify_connect_failure(std::string_view reason) {
  if (reason == "ECONNREFUSED" || reason == "ENOENT") return ConnectFailure::refused;
  if (reason == "ETIMEDOUT") return ConnectFailure::timeout;
  if (reason == "ENOTFOUND" || reason == "EAI_AGAIN") return ConnectFailure::unresolved;
  return ConnectFailure::other;
}

void UpstreamStats::report(StatsReport& out) const {
  out.gauge("hawser_upstream_up", "Whether a main connection to the upstream is open.",
            {{"upstream", upstream}}, up.value() > 0 ? 1.0 : 0.0);
  out.gauge("hawser_upstream_contexts", "Users, databases and RESP versions that are remembered.",
            {}, static_cast<double>(contexts.value()));
  for (std::size_t i = 0; i < kLaneRoles; ++i) {
    out.gauge("hawser_upstream_connections", "Open upstream connections by role.",
              {{"upstream", upstream}, {"lane", kRoleNames[i]}},
              static_cast<double>(connections[i].value()));
  }
  for (std::size_t i = 0; i < kConnectFailures; ++i) {
    out.counter("hawser_upstream_connect_failures_total",
                "Attempts to open an upstream connection that failed.",
                {{"upstream", upstream}, {"reason", kFailureNames[i]}},
                connect_failures[i].value());
  }
  out.counter("hawser_upstream_reconnects_total", "Main connections opened again after a loss.", {},
              reconnects.value());
  out.counter("hawser_upstream_received_bytes_total", "Bytes received from the upstream.", {},
              received_bytes.value());
  out.counter("hawser_upstream_sent_bytes_total", "Bytes sent to the upstream.", {},
              sent_bytes.value());
  out.counter("hawser_protocol_errors_total", "Connections closed because of malformed bytes.",
              {{"side", "upstream"}}, protocol_errors.value());
  out.counter("hawser_upstream_swallowed_replies_total",
              "Replies that came after nobody waited for them any more.", {},
              swallowed_replies.value());
  for (std::size_t i = 0; i < kRetryOutcomes; ++i) {
    out.counter("hawser_retries_total", "Requests that were, or might have been, sent again.",
                {{"outcome", kOutcomeNames[i]}}, retries[i].value());
  }
  out.gauge("hawser_circuit_state", "The circuit: 0 closed, 1 half-open, 2 open.",
            {{"upstream", upstream}}, static_cast<double>(circuit.value()));
  for (std::size_t i = 0; i < kCircuitStates; ++i) {
    out.counter("hawser_circuit_transitions_total", "Changes of the circuit's state.",
                {{"to", kCircuitNames[i]}}, circuit_transitions[i].value());
  }
  out.gauge("hawser_commands_in_flight", "Requests given to an upstream connection, unanswered.",
            {}, static_cast<double>(in_flight.value()));
  for (std::size_t i = 0; i < kCommandClasses; ++i) {
    out.histogram("hawser_upstream_command_duration_seconds",
                  "Time from giving a request to an upstream connection to its reply.",
                  {{"class", kClassNames[i]}}, duration[i]);
  }
  out.gauge("hawser_pinned_in_use", "Pinned connections leased to a client.", {},
            static_cast<double>(pinned_in_use.value()));
  out.gauge("hawser_pinned_waiting", "Clients waiting for a pinned connection.", {},
            static_cast<double>(pinned_waiting.value()));
  out.histogram("hawser_pinned_wait_seconds", "How long clients waited for a pinned connection.",
                {}, pinned_wait);
}

}  // namespace hawser
