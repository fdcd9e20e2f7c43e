#include "proxy/admin/metrics.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hawser {
namespace {

class FakeSource final : public StatsSource {
 public:
  explicit FakeSource(std::function<void(StatsReport&)> body) : body_(std::move(body)) {}
  void report(StatsReport& out) const override { body_(out); }

 private:
  std::function<void(StatsReport&)> body_;
};

std::string render(std::initializer_list<const StatsSource*> sources) {
  const std::vector<const StatsSource*> all(sources);
  return render_metrics(all, std::nullopt);
}

TEST(Metrics, CountersAndGaugesOfOneNameBecomeOneFamilyAcrossSources) {
  const FakeSource first([](StatsReport& out) {
    out.counter("hawser_commands_total", "Commands taken.", {{"cmd", "get"}}, 7);
    out.gauge("hawser_draining", "Whether it drains.", {}, 0);
    out.counter("hawser_commands_total", "Commands taken.", {{"cmd", "set"}}, 0);
  });
  const FakeSource second([](StatsReport& out) {
    out.counter("hawser_commands_total", "Commands taken.", {{"cmd", "other"}}, 3);
  });
  EXPECT_EQ(render({&first, &second}),
            "# HELP hawser_commands_total Commands taken.\n"
            "# TYPE hawser_commands_total counter\n"
            "hawser_commands_total{cmd=\"get\"} 7\n"
            "hawser_commands_total{cmd=\"set\"} 0\n"
            "hawser_commands_total{cmd=\"other\"} 3\n"
            "# HELP hawser_draining Whether it drains.\n"
            "# TYPE hawser_draining gauge\n"
            "hawser_draining 0\n");
}

TEST(Metrics, HistogramIsCumulativeInSecondsAndEndsWithInfinity) {
  LatencyHistogram histogram;
  histogram.observe(std::chrono::microseconds(100));
  histogram.observe(std::chrono::microseconds(101));
  histogram.observe(std::chrono::milliseconds(2));
  histogram.observe(std::chrono::seconds(3));
  const FakeSource source([&](StatsReport& out) {
    out.histogram("hawser_command_duration_seconds", "Time taken.", {{"class", "read"}}, histogram);
  });
  const std::string bucket = "hawser_command_duration_seconds_bucket{class=\"read\",le=";
  EXPECT_EQ(render({&source}),
            "# HELP hawser_command_duration_seconds Time taken.\n"
            "# TYPE hawser_command_duration_seconds histogram\n"
            "hawser_command_duration_seconds_count{class=\"read\"} 4\n"
            "hawser_command_duration_seconds_sum{class=\"read\"} 3.002201\n" +
                bucket + "\"0.0001\"} 1\n" + bucket + "\"0.00025\"} 2\n" + bucket +
                "\"0.0005\"} 2\n" + bucket + "\"0.001\"} 2\n" + bucket + "\"0.0025\"} 3\n" +
                bucket + "\"0.005\"} 3\n" + bucket + "\"0.01\"} 3\n" + bucket + "\"0.025\"} 3\n" +
                bucket + "\"0.05\"} 3\n" + bucket + "\"0.1\"} 3\n" + bucket + "\"0.25\"} 3\n" +
                bucket + "\"0.5\"} 3\n" + bucket + "\"1\"} 3\n" + bucket + "\"2.5\"} 3\n" + bucket +
                "\"+Inf\"} 4\n");
}

TEST(Metrics, SameNameAndLabelsAreAddedUpAsAPageMayNotHoldThemTwice) {
  LatencyHistogram histogram;
  histogram.observe(std::chrono::seconds(3));
  const FakeSource source([&](StatsReport& out) {
    out.counter("hawser_x_total", "X.", {{"lane", "main"}}, 2);
    out.gauge("hawser_y", "Y.", {}, 1.5);
    out.histogram("hawser_z_seconds", "Z.", {}, histogram);
  });
  const std::string page = render({&source, &source});
  EXPECT_NE(page.find("hawser_x_total{lane=\"main\"} 4\n"), std::string::npos) << page;
  EXPECT_NE(page.find("hawser_y 3\n"), std::string::npos) << page;
  EXPECT_NE(page.find("hawser_z_seconds_count 2\n"), std::string::npos) << page;
  EXPECT_NE(page.find("hawser_z_seconds_sum 6\n"), std::string::npos) << page;
  EXPECT_NE(page.find("hawser_z_seconds_bucket{le=\"2.5\"} 0\n"), std::string::npos) << page;
  EXPECT_NE(page.find("hawser_z_seconds_bucket{le=\"+Inf\"} 2\n"), std::string::npos) << page;
}

TEST(Metrics, HelpIsOneLineAndLabelValuesAreEscaped) {
  const FakeSource source([](StatsReport& out) {
    out.gauge("hawser_up", "one\ntwo\\three", {{"upstream", "a\"b\\c\nd"}}, 1);
  });
  EXPECT_EQ(render({&source}),
            "# HELP hawser_up one two three\n"
            "# TYPE hawser_up gauge\n"
            "hawser_up{upstream=\"a\\\"b\\\\c\\nd\"} 1\n");
}

TEST(Metrics, LargeCountersKeepAllTheirDigits) {
  const FakeSource source(
      [](StatsReport& out) { out.counter("hawser_bytes_total", "Bytes.", {}, 1234567890123456U); });
  EXPECT_NE(render({&source}).find("hawser_bytes_total 1234567890123456\n"), std::string::npos);
}

TEST(Metrics, OneNameWithTwoTypesIsAProgrammingError) {
  const FakeSource source([](StatsReport& out) {
    out.counter("hawser_x", "X.", {}, 1);
    out.gauge("hawser_x", "X.", {}, 1);
  });
  EXPECT_THROW(render({&source}), std::logic_error);
}

TEST(Metrics, NoSourceGivesAnEmptyPage) {
  EXPECT_EQ(render({}), "");
}

TEST(Metrics, ProcessFiguresHaveTheNamesPrometheusKnows) {
  ProcessStats process;
  process.cpu_seconds = 1.25;
  process.start_seconds = 1795233600.5;
  process.virtual_bytes = 4096;
  process.resident_bytes = 2048;
  process.threads = 3;
  process.open_fds = 11;
  process.max_fds = 1024;
  const std::string page = render_metrics({}, process);
  EXPECT_NE(page.find("# TYPE process_cpu_seconds_total counter\n"
                      "process_cpu_seconds_total 1.25\n"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("\nprocess_start_time_seconds 1795233600.5\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\nprocess_virtual_memory_bytes 4096\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\nprocess_resident_memory_bytes 2048\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\nprocess_threads 3\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\nprocess_open_fds 11\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\nprocess_max_fds 1024\n"), std::string::npos) << page;
}

TEST(Metrics, NoLimitOfDescriptorsGivesNoFigureForIt) {
  EXPECT_EQ(render_metrics({}, ProcessStats()).find("process_max_fds"), std::string::npos);
}

TEST(BuildStats, RevisionIsALabelOnlyIfThereIsOne) {
  const BuildStats with("0.1.0", "abc123");
  EXPECT_EQ(render({&with}),
            "# HELP hawser_build_info Which build this is; always 1.\n"
            "# TYPE hawser_build_info gauge\n"
            "hawser_build_info{version=\"0.1.0\",revision=\"abc123\"} 1\n");
  const BuildStats without("0.1.0", "");
  EXPECT_NE(render({&without}).find("hawser_build_info{version=\"0.1.0\"} 1\n"), std::string::npos);
}

TEST(LogStats, TellsTheLinesLost) {
  const Logger log(LogLevel::error, LogFormat::json);
  const LogStats stats(log);
  EXPECT_EQ(render({&stats}),
            "# HELP hawser_log_messages_dropped_total Log lines lost because stderr did not keep "
            "up.\n"
            "# TYPE hawser_log_messages_dropped_total counter\n"
            "hawser_log_messages_dropped_total 0\n");
}

}  // namespace
}  // namespace hawser
