#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/log.hpp"

namespace hawser {

/// Why hawser itself answers a request with an error. See kFailures for what follows from each.
enum class Failure : std::uint8_t {
  circuit_open,        ///< The breaker refuses; number: ms until a retry makes sense.
  down,                ///< No connection until the deadline.
  timeout,             ///< Sent, no reply in time; number: the time-out in ms.
  lost,                ///< Sent, then the connection was lost.
  full_lane_requests,  ///< lanes.max_requests
  full_lane_bytes,     ///< lanes.max_bytes
  full_contexts,       ///< contexts.max
  full_pinned,         ///< pinned.max, and none came free within pinned.wait
  full_subscriptions,  ///< pubsub.subscriptions
  full_request,        ///< clients.request_limit
  full_buffers,        ///< buffers.max_bytes
  other_server,        ///< It was meant for another run of the server.
  full_invalidations,  ///< So many are under way.
  denied,              ///< Refused by configuration or by nature.
  max_clients,         ///< clients.max
};

/// What is known of a failed request.
enum class Outcome : std::uint8_t {
  not_executed,  ///< It never reached Redis.
  unknown,       ///< It may or may not have been executed.
};

/// One row: everything that follows from a failure stands here and nowhere else.
struct FailureRow {
  Failure failure;
  /// The error reply without '-' and line end; "{}" stands for the number.
  std::string_view text;
  std::string_view label;  ///< Metric label `reason`.
  LogLevel log_level;
  Outcome outcome;
  bool retryable;     ///< Whether hawser may send it (again): a pure read, if unknown.
  bool hurts_health;  ///< Whether the circuit breaker counts it as a failure.
};

/// An error reply by which Redis says that it did not execute a request that it may execute later.
/// All other error replies are answers like any other.
struct Rejection {
  std::string_view word;  ///< The first of the reply.
  bool hurts_health;      ///< Whether the circuit breaker counts it as a failure.
  bool is_moved;          ///< Another server is the primary now.
  /// The server has not the script whose digest was sent: it has to be sent whole.
  bool is_unknown_script = false;
};

/// The row of an error's first word, or nullptr.
const Rejection* find_rejection(std::string_view word);

const FailureRow& failure_row(Failure failure);
std::span<const FailureRow> all_failures();

/// The whole error reply, '-' and line end included.
std::string failure_reply(Failure failure, std::int64_t number = 0);

}  // namespace hawser
