#include "config/size.hpp"

#include <gtest/gtest.h>

namespace hawser::config {
namespace {

TEST(Size, EveryUnitIsRead) {
  EXPECT_EQ(parse_size("512B"), 512u);
  EXPECT_EQ(parse_size("1KiB"), 1024u);
  EXPECT_EQ(parse_size("64MiB"), 64u << 20);
  EXPECT_EQ(parse_size("2GiB"), std::uint64_t{2} << 30);
}

TEST(Size, PlainNumbersAreBytes) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("1000"), 1000u);
}

TEST(Size, WhatIsNoSizeIsRejected) {
  for (const auto* text : {"", "MiB", "-1", "+1", "1 MiB", " 1", "1MB", "1M", "1K", "1k", "1mib",
                           "1.5MiB", "1TiB", "1KiBx"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Size, WhatDoesNotFitIsRejected) {
  EXPECT_EQ(parse_size("9223372036854775807"), std::uint64_t{INT64_MAX});
  EXPECT_EQ(parse_size("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_size("8589934591GiB"), std::uint64_t{8589934591} << 30);
  EXPECT_EQ(parse_size("8589934592GiB"), std::nullopt);
}

TEST(Size, LargestWholeUnitIsWritten) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1000), "1000B");
  EXPECT_EQ(format_size(1024), "1KiB");
  EXPECT_EQ(format_size(1536), "1536B");
  EXPECT_EQ(format_size(std::uint64_t{3} << 20), "3MiB");
  EXPECT_EQ(format_size(std::uint64_t{1} << 30), "1GiB");
}

}  // namespace
}  // namespace hawser::config
