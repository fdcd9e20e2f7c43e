#include "proxy/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "proxy/log_format.hpp"

namespace hawser {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

const system_clock::time_point kTime = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) +
                                       std::chrono::hours(4) + milliseconds(123);

std::string json(LogLevel level, std::string_view message,
                 std::initializer_list<LogField> fields = {}) {
  std::string out;
  append_json_line(out, kTime, level, message, std::span(fields.begin(), fields.size()));
  return out;
}

std::string text(LogLevel level, std::string_view message,
                 std::initializer_list<LogField> fields = {}) {
  std::string out;
  append_text_line(out, kTime, level, message, std::span(fields.begin(), fields.size()));
  return out;
}

std::string json_string(std::string_view value) {
  std::string out;
  append_json_string(out, value);
  return out;
}

std::string timestamp(system_clock::time_point time) {
  std::string out;
  append_timestamp(out, time);
  return out;
}

TEST(LogFormat, TimestampIsUtcWithMillisecondsAndLeadingZeros) {
  EXPECT_EQ(timestamp(kTime), "2026-11-21T04:00:00.123Z");
  EXPECT_EQ(timestamp(system_clock::time_point()), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(timestamp(kTime + std::chrono::microseconds(999)), "2026-11-21T04:00:00.123Z");
}

TEST(LogFormat, JsonHasTimeLevelMessageAndThenTheFieldsInOrder) {
  EXPECT_EQ(
      json(LogLevel::info, "listening",
           {{"listener", "tcp://127.0.0.1:6380"},
            {"clients", 12},
            {"ratio", 0.25},
            {"tls", false},
            {"bytes", std::int64_t{-1}}}),
      R"({"ts":"2026-11-21T04:00:00.123Z","level":"info","msg":"listening",)"
      R"("listener":"tcp://127.0.0.1:6380","clients":12,"ratio":0.25,"tls":false,"bytes":-1})");
}

TEST(LogFormat, JsonNamesEveryLevel) {
  const auto level_of = [](LogLevel level) {
    const std::string line = json(level, "");
    const std::size_t at = line.find("\"level\":\"") + 9;
    return line.substr(at, line.find('"', at) - at);
  };
  EXPECT_EQ(level_of(LogLevel::trace), "trace");
  EXPECT_EQ(level_of(LogLevel::debug), "debug");
  EXPECT_EQ(level_of(LogLevel::info), "info");
  EXPECT_EQ(level_of(LogLevel::warn), "warn");
  EXPECT_EQ(level_of(LogLevel::error), "error");
}

TEST(LogFormat, JsonHasNoInfinityAndNoNan) {
  EXPECT_NE(json(LogLevel::info, "", {{"x", std::numeric_limits<double>::infinity()}})
                .find(R"("x":null})"),
            std::string::npos);
  EXPECT_NE(json(LogLevel::info, "", {{"x", std::numeric_limits<double>::quiet_NaN()}})
                .find(R"("x":null})"),
            std::string::npos);
}

TEST(LogFormat, JsonStringEscapesQuotesBackslashesAndControlCharacters) {
  EXPECT_EQ(json_string(R"(a"b\c)"), R"("a\"b\\c")");
  EXPECT_EQ(json_string("a\nb\rc\td"), R"("a\nb\rc\td")");
  EXPECT_EQ(json_string(std::string_view("\0\x1b\x7f", 3)), R"("\u0000\u001b\u007f")");
  EXPECT_EQ(json_string("\xC2\x9B"), R"("\u009b")") << "a terminal takes it for ESC [";
  EXPECT_EQ(json_string(""), R"("")");
}

TEST(LogFormat, WellFormedUtf8StaysAsItIs) {
  EXPECT_EQ(json_string("h\u00E9 \u20AC \U0001F6A2 \u4E2D"),
            "\"h\u00E9 \u20AC \U0001F6A2 \u4E2D\"");
  EXPECT_EQ(json_string("\xF4\x8F\xBF\xBF"), "\"\xF4\x8F\xBF\xBF\"") << "the last code point";
}

TEST(LogFormat, EachByteThatIsNoUtf8IsReplaced) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(json_string("a\xFFz"), "\"a" + r + "z\"");
  EXPECT_EQ(json_string("\x80"), "\"" + r + "\"") << "continuation without a start";
  EXPECT_EQ(json_string("\xC0\xAF"), "\"" + r + r + "\"") << "overlong, two bytes";
  EXPECT_EQ(json_string("\xE0\x80\xAF"), "\"" + r + r + r + "\"") << "overlong, three bytes";
  EXPECT_EQ(json_string("\xED\xA0\x80"), "\"" + r + r + r + "\"") << "surrogate";
  EXPECT_EQ(json_string("\xF4\x90\x80\x80"), "\"" + r + r + r + r + "\"") << "out of range";
  EXPECT_EQ(json_string("\xE2\x82"), "\"" + r + r + "\"") << "cut short";
  EXPECT_EQ(json_string("\xE2\"x"), "\"" + r + "\\\"x\"") << "the quote is not swallowed";
}

TEST(LogFormat, TextPadsTheLevelToFiveColumns) {
  EXPECT_EQ(text(LogLevel::info, "ready"), "2026-11-21T04:00:00.123Z info  ready");
  EXPECT_EQ(text(LogLevel::error, "gone"), "2026-11-21T04:00:00.123Z error gone");
}

TEST(LogFormat, TextQuotesAValueOnlyWhereItIsNeeded) {
  EXPECT_EQ(text(LogLevel::warn, "two words",
                 {{"plain", "tcp://127.0.0.1:6380"},
                  {"blank", "a b"},
                  {"empty", ""},
                  {"equals", "a=b"},
                  {"quote", "a\"b"},
                  {"back", "a\\b"},
                  {"line", "a\nb"},
                  {"n", 7},
                  {"x", 1.5},
                  {"yes", true}}),
            "2026-11-21T04:00:00.123Z warn  two words plain=tcp://127.0.0.1:6380 blank=\"a b\" "
            R"(empty="" equals="a=b" quote="a\"b" back="a\\b" line="a\nb" n=7 x=1.5 yes=true)");
}

TEST(LogFormat, TextStaysOneLineAndSendsNothingToTheTerminal) {
  EXPECT_EQ(text(LogLevel::info, "a\n\x1b[2Jb", {{"k\n", "\x1b[31m"}}),
            "2026-11-21T04:00:00.123Z info  a\\n\\u001b[2Jb k\\n=\"\\u001b[31m\"");
}

TEST(Logger, WhatWasLoggedIsWrittenBeforeTheLoggerIsGone) {
  testing::internal::CaptureStderr();
  {
    Logger log(LogLevel::info, LogFormat::text);
    for (int i = 0; i < 100; ++i) log.info("line", {{"n", i}});
    EXPECT_EQ(log.dropped(), 0U);
  }
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 100);
  EXPECT_LT(written.find("info  line n=0\n"), written.find("info  line n=99\n"));
  EXPECT_NE(written.find("info  line n=99\n"), std::string::npos);
}

TEST(Logger, LinesBelowTheLevelAreNotWrittenAndTheLevelCanChange) {
  testing::internal::CaptureStderr();
  {
    Logger log(LogLevel::warn, LogFormat::text);
    log.info("first");
    log.warn("second");
    log.set_level(LogLevel::trace);
    log.log(LogLevel::trace, "third");
    log.set_level(LogLevel::error);
    log.warn("fourth");
  }
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.find("first"), std::string::npos);
  EXPECT_NE(written.find("warn  second\n"), std::string::npos);
  EXPECT_NE(written.find("trace third\n"), std::string::npos);
  EXPECT_EQ(written.find("fourth"), std::string::npos);
}

TEST(Logger, TwoLoggersLiveInOneProcess) {
  testing::internal::CaptureStderr();
  {
    Logger one(LogLevel::info, LogFormat::text);
    Logger two(LogLevel::info, LogFormat::json);
    one.info("from one");
    two.info("from two");
  }
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_NE(written.find("info  from one\n"), std::string::npos);
  EXPECT_NE(written.find("\"msg\":\"from two\"}\n"), std::string::npos);
}

TEST(Logger, AutomaticMeansJsonWhereStderrIsNoTerminal) {
  testing::internal::CaptureStderr();
  { Logger(LogLevel::info, LogFormat::automatic).info("hello"); }
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.substr(0, 7), "{\"ts\":\"");
}

TEST(Logger, MessagesHoldingFormatBracesAreTakenAsTheyAre) {
  testing::internal::CaptureStderr();
  { Logger(LogLevel::info, LogFormat::text).info("{} {0} %s"); }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("info  {} {0} %s\n"), std::string::npos);
}

TEST(RateLimit, LetsOneThroughPerIntervalAndTellsHowManyWereHeldBack) {
  RateLimit limit(std::chrono::seconds(10));
  const steady_clock::time_point start = steady_clock::time_point() + std::chrono::hours(1);
  std::uint64_t suppressed = 99;
  EXPECT_TRUE(limit.allow(start, suppressed));
  EXPECT_EQ(suppressed, 0U);
  EXPECT_FALSE(limit.allow(start, suppressed));
  EXPECT_FALSE(limit.allow(start + milliseconds(9999), suppressed));
  EXPECT_TRUE(limit.allow(start + milliseconds(10000), suppressed));
  EXPECT_EQ(suppressed, 2U);
  EXPECT_TRUE(limit.allow(start + milliseconds(20000), suppressed));
  EXPECT_EQ(suppressed, 0U);
}

}  // namespace
}  // namespace hawser
