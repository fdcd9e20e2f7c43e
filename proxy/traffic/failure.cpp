#include "proxy/traffic/failure.hpp"

#include <array>
#include <cstddef>

namespace hawser {

namespace {

// The texts are constant plus numbers, with a prefix no client library misreads: never ERR for an
// outage (some clients turn it into a silent false), none of the words clients search for.
// "(ECONNREFUSED)" makes job libraries treat a request that was not executed as a connection error.
constexpr std::array<FailureRow, 15> kFailures = {{
    {Failure::circuit_open,
     "PROXYOPEN circuit open, command not executed, retry in {} ms (ECONNREFUSED)", "circuit_open",
     LogLevel::debug, Outcome::not_executed, false, false},
    {Failure::down, "PROXYDOWN no upstream connection, command not executed (ECONNREFUSED)",
     "upstream_down", LogLevel::debug, Outcome::not_executed, false, false},
    {Failure::timeout, "PROXYTIMEOUT no reply within {} ms, outcome unknown", "timeout",
     LogLevel::debug, Outcome::unknown, true, true},
    {Failure::lost, "PROXYLOST upstream connection lost, outcome unknown", "connection_lost",
     LogLevel::debug, Outcome::unknown, true, true},
    {Failure::full_lane_requests, "PROXYFULL lanes.max_requests reached, command not executed",
     "lane_requests", LogLevel::warn, Outcome::not_executed, false, false},
    {Failure::full_lane_bytes, "PROXYFULL lanes.max_bytes reached, command not executed",
     "lane_bytes", LogLevel::warn, Outcome::not_executed, false, false},
    {Failure::full_contexts, "PROXYFULL contexts.max reached, command not executed", "contexts",
     LogLevel::warn, Outcome::not_executed, false, false},
    {Failure::full_pinned, "PROXYFULL pinned.max reached, command not executed", "pinned",
     LogLevel::warn, Outcome::not_executed, false, false},
    {Failure::full_subscriptions, "PROXYFULL pubsub.subscriptions reached, command not executed",
     "subscriptions", LogLevel::warn, Outcome::not_executed, false, false},
    {Failure::full_request, "PROXYFULL clients.request_limit reached, command not executed",
     "request_size", LogLevel::warn, Outcome::not_executed, false, false},
    {Failure::full_buffers, "PROXYFULL buffers.max_bytes reached, command not executed", "buffers",
     LogLevel::warn, Outcome::not_executed, false, false},
    {Failure::other_server, "PROXYDOWN upstream restarted, command not executed (ECONNREFUSED)",
     "other_server", LogLevel::debug, Outcome::not_executed, false, false},
    {Failure::full_invalidations,
     "PROXYFULL invalidations in progress reached, command not executed", "invalidations",
     LogLevel::warn, Outcome::not_executed, false, false},
    {Failure::denied, "NOPERM command denied by proxy policy", "denied", LogLevel::debug,
     Outcome::not_executed, false, false},
    {Failure::max_clients, "ERR max number of clients reached", "max_clients", LogLevel::warn,
     Outcome::not_executed, false, false},
}};

constexpr std::array<Rejection, 7> kRejections = {{
    {"LOADING", true, false},
    {"BUSY", true, false},
    {"MASTERDOWN", true, false},
    {"CLUSTERDOWN", true, false},
    {"TRYAGAIN", false, false},
    {"READONLY", false, true},
    {"NOSCRIPT", false, false, true},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kFailures.size(); ++i) {
    if (static_cast<std::size_t>(kFailures[i].failure) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

const FailureRow& failure_row(Failure failure) {
  return kFailures[static_cast<std::size_t>(failure)];
}

std::span<const FailureRow> all_failures() {
  return kFailures;
}

const Rejection* find_rejection(std::string_view word) {
  for (const Rejection& row : kRejections) {
    if (row.word == word) return &row;
  }
  return nullptr;
}

std::string failure_reply(Failure failure, std::int64_t number) {
  std::string reply = "-";
  const std::string_view text = failure_row(failure).text;
  const std::size_t hole = text.find("{}");
  if (hole == std::string_view::npos) {
    reply += text;
  } else {
    reply += text.substr(0, hole);
    reply += std::to_string(number);
    reply += text.substr(hole + 2);
  }
  return reply += "\r\n";
}

}  // namespace hawser
