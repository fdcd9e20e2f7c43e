#include "config/duration.hpp"

#include <gtest/gtest.h>

namespace hawser::config {
namespace {

using std::chrono::milliseconds;

TEST(Duration, EveryUnitIsRead) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("2s"), milliseconds(2000));
  EXPECT_EQ(parse_duration("3m"), milliseconds(180000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3600000));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
}

TEST(Duration, PlainNumbersAreRejected) {
  EXPECT_EQ(parse_duration("2"), std::nullopt);
  EXPECT_EQ(parse_duration("0"), std::nullopt);
}

TEST(Duration, WhatIsNoDurationIsRejected) {
  for (const auto* text : {"", "s", "ms", "-1s", "+1s", " 1s", "1s ", "1 s", "1.5s", "1S", "1d",
                           "1us", "1m30s", "0x1s", "1msx"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, WhatDoesNotFitIsRejected) {
  EXPECT_EQ(parse_duration("9223372036854775807ms"), milliseconds(INT64_MAX));
  EXPECT_EQ(parse_duration("9223372036854775808ms"), std::nullopt);
  EXPECT_EQ(parse_duration("2562047788015h"), milliseconds(2562047788015 * 3600000));
  EXPECT_EQ(parse_duration("2562047788016h"), std::nullopt);
  EXPECT_EQ(parse_duration("99999999999999999999s"), std::nullopt);
}

TEST(Duration, LargestWholeUnitIsWritten) {
  EXPECT_EQ(format_duration(milliseconds(0)), "0s");
  EXPECT_EQ(format_duration(milliseconds(250)), "250ms");
  EXPECT_EQ(format_duration(milliseconds(1500)), "1500ms");
  EXPECT_EQ(format_duration(milliseconds(90000)), "90s");
  EXPECT_EQ(format_duration(milliseconds(60000)), "1m");
  EXPECT_EQ(format_duration(milliseconds(7200000)), "2h");
}

}  // namespace
}  // namespace hawser::config
