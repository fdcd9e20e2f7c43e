#include "proxy/admin/process_stats.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace hawser {
namespace {

// pid (name) state ppid ... as proc(5) has it: utime 250, stime 50, 4 threads, started at tick
// 1200, 8192000 bytes virtual, 300 pages resident.
std::string stat_line(const std::string& name) {
  return "4711 (" + name +
         ") S 1 4711 4711 0 -1 4194560 900 0 0 0 250 50 7 8 20 0 4 0 1200 8192000 300 "
         "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0\n";
}

TEST(ProcessStats, FieldsAreConvertedToSecondsAndBytes) {
  const auto stats = parse_process_stat(stat_line("hawser"), 100, 4096, 1000);
  ASSERT_TRUE(stats);
  EXPECT_DOUBLE_EQ(stats->cpu_seconds, 3.0);
  EXPECT_DOUBLE_EQ(stats->start_seconds, 1012.0);
  EXPECT_EQ(stats->threads, 4U);
  EXPECT_EQ(stats->virtual_bytes, 8192000U);
  EXPECT_EQ(stats->resident_bytes, 300U * 4096U);
}

TEST(ProcessStats, NameWithBlanksAndBracketsDoesNotShiftTheFields) {
  const auto stats = parse_process_stat(stat_line("a) S 1 (b"), 100, 4096, 0);
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->threads, 4U);
  EXPECT_EQ(stats->virtual_bytes, 8192000U);
}

TEST(ProcessStats, TextThatIsCutShortOrNoStatGivesNothing) {
  const std::string whole = stat_line("hawser");
  EXPECT_FALSE(parse_process_stat("", 100, 4096, 0));
  EXPECT_FALSE(parse_process_stat("nonsense", 100, 4096, 0));
  EXPECT_FALSE(parse_process_stat(whole.substr(0, whole.find(" 8192000")), 100, 4096, 0));
  EXPECT_FALSE(
      parse_process_stat("1 (x) S a b c d e f g h i j k l m n o p q r s t u v", 100, 4096, 0));
}

TEST(ProcessStats, OwnProcessHasMemoryThreadsAndDescriptors) {
  const auto stats = read_process_stats();
  ASSERT_TRUE(stats);
  EXPECT_GT(stats->resident_bytes, 0U);
  EXPECT_GE(stats->virtual_bytes, stats->resident_bytes);
  EXPECT_GE(stats->threads, 1U);
  EXPECT_GE(stats->open_fds, 3U);
  EXPECT_GT(stats->start_seconds, 1.5e9) << "seconds since the epoch";
}

}  // namespace
}  // namespace hawser
