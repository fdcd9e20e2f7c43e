#include "proxy/cache/rules/rule_writer.hpp"

#include <gtest/gtest.h>

#include "protocol/request_parser.hpp"
#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

std::int64_t expiry(std::initializer_list<std::string_view> words) {
  const Built built(words);
  return expiry_of(built.request, kNow);
}

TEST(RuleWriter, KnowsWhenAWriteExpires) {
  const std::int64_t never = kForEver + kNow;
  EXPECT_EQ(expiry({"SET", "k", "v"}), never);
  EXPECT_EQ(expiry({"SET", "k", "v", "NX", "GET"}), never);
  EXPECT_EQ(expiry({"SET", "k", "v", "ex", "10"}), kNow + 10'000);
  EXPECT_EQ(expiry({"SET", "k", "v", "NX", "PX", "10"}), kNow + 10);
  EXPECT_EQ(expiry({"SET", "k", "v", "EXAT", "1800000000"}), 1'800'000'000'000);
  EXPECT_EQ(expiry({"SET", "k", "v", "PXAT", "1800000000001", "XX"}), 1'800'000'000'001);
  EXPECT_EQ(expiry({"SET", "k", "v", "KEEPTTL"}), kNow);
  EXPECT_EQ(expiry({"SET", "k", "v", "EX"}), never);
  EXPECT_EQ(expiry({"SET", "k", "v", "EX", "nonsense"}), kNow);
  EXPECT_EQ(expiry({"SET", "k", "v", "EX", "9223372036854775807"}), kNow);
  EXPECT_EQ(expiry({"SETEX", "k", "10", "v"}), kNow + 10'000);
  EXPECT_EQ(expiry({"PSETEX", "k", "10", "v"}), kNow + 10);
  EXPECT_EQ(expiry({"GETSET", "k", "v"}), never);
  EXPECT_EQ(expiry({"MSET", "k", "v"}), never);
}

class RuleWriterTest : public testing::Test {
 protected:
  RuleWriterTest() {
    const std::vector<std::string> tags = {"company:{company}:orders", "orders"};
    rules_.push_back(*config::parse_cache_rule("list:{company}:*", tags));
    script_.body = "the body";
    script_.digest = "the digest";
  }

  std::vector<std::string> sent(std::initializer_list<std::string_view> words,
                                bool is_whole = false) {
    const Built built(words);
    const RuleWriter writer(rules_, keys_);
    std::string out;
    if (!writer.may_concern(built.request) ||
        !writer.append(built.request, {script_, is_whole, false, false, kNow}, out)) {
      EXPECT_EQ(out, "");
      return {};
    }
    protocol::RequestParser parser({});
    EXPECT_EQ(parser.parse(out), protocol::RequestParser::Status::complete);
    EXPECT_EQ(parser.consumed(), out.size());
    std::vector<std::string> got;
    for (std::size_t i = 0; i < parser.argc(); ++i) got.emplace_back(parser.arg(i));
    return got;
  }

  std::vector<config::CacheRule> rules_;
  const CacheKeys keys_{"h:"};
  Script script_;
};

using Sent = std::vector<std::string>;

TEST_F(RuleWriterTest, AWriteTakesItsTagsAlong) {
  EXPECT_EQ(sent({"SETEX", "list:7:1", "10", "v"}),
            (Sent{"EVALSHA", "the digest", "1", "list:7:1", "", "1700000000000", "4", "SETEX",
                  "list:7:1", "10", "v", "3", "h:tag:company:7:orders", "1700000011000", "list:7:1",
                  "3", "h:tag:orders", "1700000011000", "list:7:1"}));
}

TEST_F(RuleWriterTest, OfManyOnlyThoseThatFit) {
  const Sent got = sent({"MSET", "other", "1", "list:7:1", "2", "list:8:1", "3"}, true);
  // Script, keys, three words of its own, the write, then an index each for the two keys and one
  // for both, with its size, name and (score, key).
  ASSERT_EQ(got.size(), 3U + 3 + 3 + 7 + 4 + 4 + 6);
  EXPECT_EQ(got[0], "EVAL");
  EXPECT_EQ(got[1], "the body");
  EXPECT_EQ(got[2], "3");
  EXPECT_EQ(got.back(), "list:8:1");
}

TEST_F(RuleWriterTest, WhatFitsNoRuleOrIsNoGoodRequestIsLeftAlone) {
  EXPECT_EQ(sent({"SET", "other", "v"}), Sent());
  EXPECT_EQ(sent({"SET", "list:7", "v"}), Sent());
  EXPECT_EQ(sent({"SETEX", "list:7:1", "10"}), Sent());
  EXPECT_EQ(sent({"SET", "list:7:1"}), Sent());
}

}  // namespace
}  // namespace hawser
