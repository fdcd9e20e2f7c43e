#include "proxy/admin/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hawser {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// Gathers one scrape. Lives as long as it, on the admin thread.
class Scrape final : public StatsReport {
 public:
  void counter(std::string_view name, std::string_view help, Labels labels,
               std::uint64_t value) override {
    fractional_counter(name, help, labels, static_cast<double>(value));
  }
  /// For the kernel's figures, which have fractions.
  void fractional_counter(std::string_view name, std::string_view help, Labels labels,
                          double value) {
    sample(name, help, labels, MetricType::Counter).counter.value += value;
  }
  void gauge(std::string_view name, std::string_view help, Labels labels, double value) override {
    sample(name, help, labels, MetricType::Gauge).gauge.value += value;
  }
  void histogram(std::string_view name, std::string_view help, Labels labels,
                 const LatencyHistogram& value) override;

  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  ClientMetric& sample(std::string_view name, std::string_view help, Labels labels,
                       MetricType type);

  std::vector<MetricFamily> families_;
  std::unordered_map<std::string, std::size_t> index_;  // name -> place in families_
};

/// The serializer writes HELP as it is, so a line end or a backslash would break the page.
std::string single_line(std::string_view help) {
  std::string line(help);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\\'; }, ' ');
  return line;
}

ClientMetric& Scrape::sample(std::string_view name, std::string_view help, Labels labels,
                             MetricType type) {
  const auto [place, is_new] = index_.try_emplace(std::string(name), families_.size());
  if (is_new) {
    MetricFamily& family = families_.emplace_back();
    family.name = place->first;
    family.help = single_line(help);
    family.type = type;
  }
  MetricFamily& family = families_[place->second];
  if (family.type != type) {
    throw std::logic_error("metric " + family.name + " is reported with two types");
  }
  std::vector<ClientMetric::Label> wanted;
  for (const Label& label : labels) {
    wanted.push_back({std::string(label.name), std::string(label.value)});
  }
  const auto found =
      std::find_if(family.metric.begin(), family.metric.end(),
                   [&](const ClientMetric& metric) { return metric.label == wanted; });
  if (found != family.metric.end()) return *found;
  family.metric.emplace_back().label = std::move(wanted);
  return family.metric.back();
}

void Scrape::histogram(std::string_view name, std::string_view help, Labels labels,
                       const LatencyHistogram& value) {
  constexpr auto& kBounds = LatencyHistogram::kBoundsMicros;
  ClientMetric::Histogram& out = sample(name, help, labels, MetricType::Histogram).histogram;
  if (out.bucket.empty()) {
    out.bucket.resize(kBounds.size() + 1);
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      out.bucket[i].upper_bound = static_cast<double>(kBounds[i]) / 1e6;
    }
    out.bucket.back().upper_bound = std::numeric_limits<double>::infinity();
  }
  // The data thread counts on meanwhile. Each bucket is read once and the total made of what was
  // read, so that it agrees with the +Inf bucket.
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < out.bucket.size(); ++i) {
    total += value.bucket(i);
    out.bucket[i].cumulative_count += total;
  }
  out.sample_count += total;
  out.sample_sum += value.sum_seconds();
}

/// Names and help texts are those of the Prometheus client libraries.
void report_process(Scrape& out, const ProcessStats& stats) {
  out.fractional_counter("process_cpu_seconds_total",
                         "Total user and system CPU time spent in seconds.", {}, stats.cpu_seconds);
  out.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            {}, stats.start_seconds);
  out.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", {},
            static_cast<double>(stats.virtual_bytes));
  out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", {},
            static_cast<double>(stats.resident_bytes));
  out.gauge("process_threads", "Number of OS threads in the process.", {},
            static_cast<double>(stats.threads));
  out.gauge("process_open_fds", "Number of open file descriptors.", {},
            static_cast<double>(stats.open_fds));
  if (stats.max_fds != 0) {
    out.gauge("process_max_fds", "Maximum number of open file descriptors.", {},
              static_cast<double>(stats.max_fds));
  }
}

/// Hawser's figures as prometheus-cpp wants to have them: collected at the time of the scrape.
class StatsCollectable final : public prometheus::Collectable {
 public:
  StatsCollectable(std::span<const StatsSource* const> sources,
                   const std::optional<ProcessStats>& process)
      : sources_(sources), process_(process) {}

  std::vector<MetricFamily> Collect() const override {
    Scrape scrape;
    for (const StatsSource* source : sources_) source->report(scrape);
    if (process_) report_process(scrape, *process_);
    return scrape.take();
  }

 private:
  std::span<const StatsSource* const> sources_;
  const std::optional<ProcessStats>& process_;
};

}  // namespace

std::string render_metrics(std::span<const StatsSource* const> sources,
                           const std::optional<ProcessStats>& process) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, StatsCollectable(sources, process).Collect());
  return std::move(out).str();
}

void BuildStats::report(StatsReport& out) const {
  constexpr std::string_view kName = "hawser_build_info";
  constexpr std::string_view kHelp = "Which build this is; always 1.";
  if (revision_.empty()) {
    out.gauge(kName, kHelp, {{"version", version_}}, 1);
  } else {
    out.gauge(kName, kHelp, {{"version", version_}, {"revision", revision_}}, 1);
  }
}

void LogStats::report(StatsReport& out) const {
  out.counter("hawser_log_messages_dropped_total", "Log lines lost because stderr did not keep up.",
              {}, log_.dropped());
}

}  // namespace hawser
