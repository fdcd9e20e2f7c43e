#include "proxy/traffic/blocking_time.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

using namespace std::chrono_literals;

std::optional<Duration> time_of(std::initializer_list<std::string_view> words) {
  const Built built(words);
  return blocking_time(built.request);
}

TEST(BlockingTime, EveryBlockingCommandTellsItsOwnTimeOut) {
  EXPECT_EQ(time_of({"BLPOP", "a", "b", "1.5"}), 1500ms);
  EXPECT_EQ(time_of({"brpop", "a", "2"}), 2s);
  EXPECT_EQ(time_of({"BRPOPLPUSH", "a", "b", "3"}), 3s);
  EXPECT_EQ(time_of({"BLMOVE", "a", "b", "LEFT", "RIGHT", "4"}), 4s);
  EXPECT_EQ(time_of({"BLMPOP", "5", "1", "a", "LEFT"}), 5s);
  EXPECT_EQ(time_of({"BZPOPMIN", "a", "6"}), 6s);
  EXPECT_EQ(time_of({"BZPOPMAX", "a", "7"}), 7s);
  EXPECT_EQ(time_of({"BZMPOP", "8", "1", "a", "MIN"}), 8s);
  EXPECT_EQ(time_of({"WAIT", "1", "900"}), 900ms);
  EXPECT_EQ(time_of({"XREAD", "BLOCK", "700", "STREAMS", "s", "$"}), 700ms);
  EXPECT_EQ(
      time_of({"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "block", "10", "STREAMS", "s", ">"}),
      10ms);
}

TEST(BlockingTime, NoBlockingCommandOfTheTableIsLeftOut) {
  // The time-out stands at another place in each, so a new one has to be looked at.
  const std::set<std::string_view> known = {"blpop",  "brpop",    "brpoplpush", "blmove",
                                            "blmpop", "bzpopmin", "bzpopmax",   "bzmpop",
                                            "wait",   "waitaof",  "xread",      "xreadgroup"};
  for (const protocol::Command& row : protocol::all_commands()) {
    if (row.command_class == protocol::CommandClass::blocking) {
      EXPECT_TRUE(known.contains(row.name)) << row.name;
    }
  }
}

TEST(BlockingTime, StreamReadWithoutBlockIsAnOrdinaryOne) {
  EXPECT_FALSE(is_blocking(Built({"XREAD", "COUNT", "2", "STREAMS", "s", "0"}).request));
  EXPECT_TRUE(
      is_blocking(Built({"XREAD", "COUNT", "2", "BLOCK", "0", "STREAMS", "s", "0"}).request));
}

TEST(BlockingTime, WaitIsToldApart) {
  EXPECT_TRUE(is_wait(Built({"WAIT", "1", "0"}).request));
  EXPECT_TRUE(is_wait(Built({"WAITAOF", "1", "0", "0"}).request));
  EXPECT_FALSE(is_wait(Built({"BLPOP", "a", "0"}).request));
  EXPECT_EQ(time_of({"WAITAOF", "1", "0", "250"}), 250ms);
}

TEST(BlockingTime, NamesAndKeysThatLookLikeTheOptionAreNone) {
  EXPECT_EQ(time_of({"XREAD", "STREAMS", "BLOCK", "0"}), std::nullopt);
  EXPECT_EQ(time_of({"XREADGROUP", "GROUP", "BLOCK", "5", "STREAMS", "s", ">"}), std::nullopt);
  EXPECT_EQ(time_of({"XREADGROUP", "GROUP", "g", "BLOCK", "STREAMS", "s", ">"}), std::nullopt);
  EXPECT_EQ(time_of({"XREADGROUP", "GROUP", "BLOCK", "BLOCK", "BLOCK", "5", "STREAMS", "s", ">"}),
            5ms);
  EXPECT_EQ(time_of({"XREAD", "streams", "BLOCK", "5"}), std::nullopt);
  EXPECT_EQ(time_of({"GET", "BLOCK"}), std::nullopt);
  EXPECT_EQ(time_of({"XREAD", "COUNT", "BLOCK", "STREAMS", "s", "0"}), std::nullopt);
  EXPECT_EQ(
      time_of({"XREADGROUP", "GROUP", "signals", "streams", "BLOCK", "5", "STREAMS", "s", ">"}),
      5ms);
  EXPECT_EQ(time_of({"XREADGROUP", "GROUP", "g", "streams", "BLOCK", "5", "STREAMS", "s", ">"}),
            5ms);
}

TEST(BlockingTime, OptionsOfAStreamReadComeInAnyOrder) {
  EXPECT_EQ(time_of({"XREADGROUP", "BLOCK", "2500", "GROUP", "g", "c", "STREAMS", "s", ">"}),
            2500ms);
  EXPECT_EQ(time_of({"XREADGROUP", "COUNT", "10", "BLOCK", "5000", "GROUP", "g", "c", "NOACK",
                     "STREAMS", "s", ">"}),
            5s);
  EXPECT_EQ(time_of({"XREADGROUP", "COUNT", "10", "noack", "group", "g", "c", "Block", "7",
                     "STREAMS", "s", ">"}),
            7ms);
  EXPECT_EQ(time_of({"XREADGROUP", "COUNT", "1", "GROUP", "signals", "c", "BLOCK", "8", "STREAMS",
                     "s", ">"}),
            8ms);
}

TEST(BlockingTime, OfSeveralBlockOptionsTheLastCounts) {
  EXPECT_EQ(time_of({"XREAD", "BLOCK", "100", "BLOCK", "2500", "STREAMS", "s", "$"}), 2500ms);
}

TEST(BlockingTime, OptionNobodyKnowsHidesNoBlock) {
  EXPECT_EQ(time_of({"XREADGROUP", "GROUP", "g", "c", "CLAIM", "1000", "BLOCK", "9", "STREAMS", "s",
                     ">"}),
            9ms);
}

TEST(BlockingTime, EveryNotationRedisTakesIsUnderstood) {
  for (const std::string_view five : {"+5", "0x5", "5.", "5e0", "0.5e1", "05", "5000e-3"}) {
    EXPECT_EQ(time_of({"BLPOP", "a", five}), 5s) << five;
  }
  for (const std::string_view never : {"+0", "-0", "0x0", "000", "-0.0001", "4000000000", "1e15"}) {
    EXPECT_EQ(time_of({"BLPOP", "a", never}), 0s) << never;
  }
  // Rounded up, as for Redis: zero would be for ever.
  EXPECT_EQ(time_of({"BLPOP", "a", "1e-9"}), 1ms);
  EXPECT_EQ(time_of({"WAIT", "1", "4000000000000"}), 0s);
  EXPECT_EQ(time_of({"XREAD", "BLOCK", "9223372036854775807", "STREAMS", "s", "$"}), 0s);
}

TEST(BlockingTime, TimeOutsThatRedisRefusesAreNone) {
  EXPECT_EQ(time_of({"BLPOP", "a", "x"}), std::nullopt);
  EXPECT_EQ(time_of({"BLPOP", "a", "-1"}), std::nullopt);
  EXPECT_EQ(time_of({"BLPOP", "a", "1e300"}), std::nullopt);
  for (const std::string_view bad :
       {"nan", "inf", "", " 1", "1 ", "1x", "-0.01", "9300000000000000", "1e-9999", "0x"}) {
    EXPECT_EQ(time_of({"BLPOP", "a", bad}), std::nullopt) << bad;
  }
  EXPECT_EQ(time_of({"BLPOP", "a", std::string_view("1\0", 2)}), std::nullopt);
  for (const std::string_view bad : {"+1", "1.5", "-1", "-0", "00", "1e2", "9223372036854775808"}) {
    EXPECT_EQ(time_of({"WAIT", "1", bad}), std::nullopt) << bad;
  }
}

TEST(BlockingDeadline, ZeroMeansNeverAndAGraceIsAdded) {
  const TimePoint now{100s};
  EXPECT_EQ(blocking_deadline(Built({"BLPOP", "a", "0"}).request, now, 500ms), TimePoint::max());
  EXPECT_EQ(blocking_deadline(Built({"BLPOP", "a", "2"}).request, now, 500ms), now + 2500ms);
  EXPECT_EQ(blocking_deadline(Built({"GET", "a"}).request, now, 500ms), std::nullopt);
}

TEST(BlockingTime, IsReplacedWhereItStands) {
  EXPECT_TRUE(with_blocking_time(Built({"BLPOP", "a", "5"}).request, 1250ms, false)
                  .ends_with("$1\r\na\r\n$5\r\n1.250\r\n"));
  EXPECT_TRUE(with_blocking_time(Built({"BLPOP", "a", "5"}).request, 1250ms, true)
                  .ends_with("$1\r\na\r\n$1\r\n2\r\n"));
  EXPECT_TRUE(with_blocking_time(Built({"BLMPOP", "5", "1", "a", "LEFT"}).request, 30ms, false)
                  .starts_with("*5\r\n$6\r\nBLMPOP\r\n$5\r\n0.030\r\n"));
  EXPECT_NE(
      with_blocking_time(Built({"XREAD", "BLOCK", "500", "STREAMS", "a", "0"}).request, 30ms, false)
          .find("$5\r\nBLOCK\r\n$2\r\n30\r\n"),
      std::string::npos);
}

TEST(BlockingTime, IsNeverRoundedToForEver) {
  EXPECT_TRUE(
      with_blocking_time(Built({"BLPOP", "a", "5"}).request, 1us, false).ends_with("0.001\r\n"));
  EXPECT_TRUE(
      with_blocking_time(Built({"BLPOP", "a", "5"}).request, 1us, true).ends_with("$1\r\n1\r\n"));
}

}  // namespace
}  // namespace hawser
