#include "proxy/downstream/downstream_stats.hpp"

namespace hawser {

namespace {

constexpr std::array<std::string_view, 7> kClassNames = {
    "read", "write", "blocking", "pubsub", "script", "transaction", "cache"};

}  // namespace

DownstreamStats::DownstreamStats()
    : commands(protocol::all_commands().size() + 1), failures(all_failures().size()) {}

void DownstreamStats::report(StatsReport& out) const {
  for (const auto& listener : listeners) {
    out.gauge("hawser_downstream_connections", "Clients connected.", {{"listener", listener->name}},
              static_cast<double>(listener->connections.value()));
    out.counter("hawser_downstream_connections_total", "Clients accepted.",
                {{"listener", listener->name}}, listener->accepted.value());
  }
  out.counter("hawser_downstream_connections_rejected_total", "Clients turned away.",
              {{"reason", "max_clients"}}, rejected_full.value());
  out.counter("hawser_downstream_connections_rejected_total", "Clients turned away.",
              {{"reason", "system"}}, rejected_system.value());
  const auto rows = protocol::all_commands();
  for (std::size_t i = 0; i < commands.size(); ++i) {
    // Children appear at first use, so that an idle proxy shows no hundreds of zeros.
    if (commands[i].value() == 0) continue;
    out.counter("hawser_commands_total", "Requests answered.",
                {{"cmd", i < rows.size() ? rows[i].name : "other"}}, commands[i].value());
  }
  for (const FailureRow& row : all_failures()) {
    out.counter("hawser_command_errors_total", "Requests answered with an error.",
                {{"reason", row.label}}, failures[static_cast<std::size_t>(row.failure)].value());
  }
  out.counter("hawser_command_errors_total", "Requests answered with an error.",
              {{"reason", "upstream"}}, upstream_errors.value());
  for (std::size_t i = 0; i < kClassNames.size(); ++i) {
    out.histogram("hawser_command_duration_seconds",
                  "Time from a request's arrival to its reply being ready to be written.",
                  {{"class", kClassNames[i]}}, duration[i]);
  }
  out.counter("hawser_downstream_received_bytes_total", "Bytes received from clients.", {},
              received_bytes.value());
  out.counter("hawser_downstream_sent_bytes_total", "Bytes sent to clients.", {},
              sent_bytes.value());
  out.counter("hawser_protocol_errors_total", "Connections closed because of malformed bytes.",
              {{"side", "downstream"}}, protocol_errors.value());
  out.counter("hawser_downstream_output_limit_closes_total",
              "Clients closed because they left too many reply bytes unread.", {},
              output_limit_closes.value());
  out.gauge("hawser_draining", "1 while hawser finishes what is in flight before it ends.", {},
            static_cast<double>(draining.value()));
  if (buffers != nullptr) {
    out.gauge("hawser_buffer_bytes", "Bytes of buffers in use, both sides together.", {},
              static_cast<double>(buffers->value()));
  }
}

}  // namespace hawser
