#include "protocol/reply_writer.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace hawser::protocol {
namespace {

std::string written(RespVersion version, const std::function<void(ReplyWriter&)>& write) {
  std::string out = "before";
  ReplyWriter writer(out, version);
  write(writer);
  EXPECT_EQ(out.substr(0, 6), "before");
  return out.substr(6);
}

void expect_written(const std::function<void(ReplyWriter&)>& write, std::string_view resp2,
                    std::string_view resp3) {
  EXPECT_EQ(written(RespVersion::resp2, write), resp2);
  EXPECT_EQ(written(RespVersion::resp3, write), resp3);
}

TEST(ReplyWriter, TypesThatLookTheSameInBothVersions) {
  expect_written([](ReplyWriter& w) { w.simple("OK"); }, "+OK\r\n", "+OK\r\n");
  expect_written([](ReplyWriter& w) { w.bulk("a\r\nb"); }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n");
  expect_written([](ReplyWriter& w) { w.bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n");
  expect_written([](ReplyWriter& w) { w.array(3); }, "*3\r\n", "*3\r\n");
}

TEST(ReplyWriter, IntegersUpToTheirLimits) {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  expect_written([](ReplyWriter& w) { w.integer(-1); }, ":-1\r\n", ":-1\r\n");
  expect_written([](ReplyWriter& w) { w.integer(kMax); }, ":9223372036854775807\r\n",
                 ":9223372036854775807\r\n");
  expect_written([](ReplyWriter& w) { w.integer(kMin); }, ":-9223372036854775808\r\n",
                 ":-9223372036854775808\r\n");
}

TEST(ReplyWriter, LineBreaksInErrorsBecomeBlanks) {
  expect_written([](ReplyWriter& w) { w.error("ERR a\r\nb\n+OK"); }, "-ERR a  b +OK\r\n",
                 "-ERR a  b +OK\r\n");
}

TEST(ReplyWriter, NullsByVersion) {
  expect_written([](ReplyWriter& w) { w.null(); }, "$-1\r\n", "_\r\n");
  expect_written([](ReplyWriter& w) { w.null_array(); }, "*-1\r\n", "_\r\n");
}

TEST(ReplyWriter, AggregatesByVersion) {
  expect_written([](ReplyWriter& w) { w.map(7); }, "*14\r\n", "%7\r\n");
  expect_written([](ReplyWriter& w) { w.set(2); }, "*2\r\n", "~2\r\n");
  expect_written([](ReplyWriter& w) { w.push(3); }, "*3\r\n", ">3\r\n");
}

TEST(ReplyWriter, VerbatimCountsItsFormat) {
  expect_written([](ReplyWriter& w) { w.verbatim("abc"); }, "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n");
}

}  // namespace
}  // namespace hawser::protocol
