#include "proxy/degradation/degrade_rules.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

using protocol::RespVersion;
using Words = std::vector<std::string_view>;

struct Decision {
  Degraded verdict;
  std::string reply;
  std::vector<std::pair<std::string, std::string>> dropped;  ///< Key, pattern.
};

class DegradeRulesTest : public ::testing::Test {
 protected:
  Decision decide(const Words& words, RespVersion version = RespVersion::resp2) const {
    const Built built(words);
    const Degradation d = rules_.decide(built.request, version);
    Decision decision{d.verdict, d.reply, {}};
    for (const DroppedKey& key : d.dropped) decision.dropped.emplace_back(key.key, key.pattern);
    return decision;
  }
  void expect_refused(const std::vector<Words>& all) const {
    for (const Words& words : all) {
      const Decision d = decide(words);
      std::string text;
      for (const std::string_view word : words) text.append(word).append(" ");
      EXPECT_EQ(d.verdict, Degraded::refuse) << text;
      EXPECT_EQ(d.reply, "") << text;
      EXPECT_TRUE(d.dropped.empty()) << text;
    }
  }

  const DegradeRules rules_{{"m:*", "view:[0-9]"}, {"d:*", "d:1*", "page:?"}};
};

TEST_F(DegradeRulesTest, ReadUnderAMissPatternIsAMiss) {
  EXPECT_EQ(decide({"GET", "m:1"}).verdict, Degraded::answer);
  EXPECT_EQ(decide({"GET", "m:1"}).reply, "$-1\r\n");
  EXPECT_EQ(decide({"GET", "m:1"}, RespVersion::resp3).reply, "_\r\n");
  EXPECT_EQ(decide({"HGETALL", "m:1"}, RespVersion::resp3).reply, "%0\r\n");
  EXPECT_EQ(decide({"TTL", "view:7"}).reply, ":-2\r\n");
  EXPECT_TRUE(decide({"GET", "m:1"}).dropped.empty());
}

TEST_F(DegradeRulesTest, SeveralKeysMayFitDifferentMissPatterns) {
  EXPECT_EQ(decide({"MGET", "m:1", "view:1"}).reply, "*2\r\n$-1\r\n$-1\r\n");
  EXPECT_EQ(decide({"EXISTS", "view:1", "m:1"}).reply, ":0\r\n");
}

TEST_F(DegradeRulesTest, MixedReadIsRefused) {
  expect_refused({{"MGET", "m:1", "other"},
                  {"MGET", "other", "m:1"},
                  {"EXISTS", "m:1", "m:2", "view:x"},
                  {"MGET", "m:1", "d:1"}});
}

TEST_F(DegradeRulesTest, ReadsUnderOtherKeysAreRefused) {
  expect_refused({{"GET", "other"}, {"GET", "d:1"}, {"HGETALL", "xm:1"}, {"GET", "M:1"}});
}

TEST_F(DegradeRulesTest, FieldsAreNotTakenForKeys) {
  EXPECT_EQ(decide({"HMGET", "m:1", "other"}).reply, "*1\r\n$-1\r\n");
  expect_refused({{"HMGET", "other", "m:1"}, {"HGET", "other", "m:1"}});
}

TEST_F(DegradeRulesTest, OtherReadsAreRefusedUnderAMissPattern) {
  expect_refused({{"LRANGE", "m:1", "0", "-1"},
                  {"SMEMBERS", "m:1"},
                  {"GETEX", "m:1"},
                  {"GETDEL", "m:1"},
                  {"TYPE", "m:1"},
                  {"GET", "m:1", "m:2"},
                  {"GETRANGE", "m:1", "a", "b"},
                  {"MGET"}});
}

TEST_F(DegradeRulesTest, PlainSetIsAcknowledgedAndItsKeyNamed) {
  for (const Words& words : std::vector<Words>{{"SET", "d:7", "v"},
                                               {"set", "d:7", "v", "ex", "10"},
                                               {"SET", "d:7", "v", "PX", "1"},
                                               {"SET", "d:7", "v", "EXAT", "1"},
                                               {"SET", "d:7", "v", "PXAT", "99999999999999"},
                                               {"SET", "d:7", "v", "KeepTTL"}}) {
    const Decision d = decide(words, RespVersion::resp3);
    EXPECT_EQ(d.verdict, Degraded::answer);
    EXPECT_EQ(d.reply, "+OK\r\n");
    ASSERT_EQ(d.dropped.size(), 1U);
    EXPECT_EQ(d.dropped[0], std::pair(std::string("d:7"), std::string("d:*")));
  }
}

TEST_F(DegradeRulesTest, SetThatDependsOnWhatIsThereIsRefused) {
  expect_refused({{"SET", "d:1", "v", "NX"},
                  {"SET", "d:1", "v", "XX"},
                  {"SET", "d:1", "v", "GET"},
                  {"SET", "d:1", "v", "EX", "10", "NX"},
                  {"SET", "d:1", "v", "NX", "EX", "10"},
                  {"SET", "d:1", "v", "XX", "KEEPTTL"}});
}

TEST_F(DegradeRulesTest, SetThatRedisWouldNotTakeIsRefused) {
  expect_refused({{"SET", "d:1"},
                  {"SET", "d:1", "v", "EX"},
                  {"SET", "d:1", "v", "EX", "0"},
                  {"SET", "d:1", "v", "EX", "-1"},
                  {"SET", "d:1", "v", "PXAT", "0"},
                  {"SET", "d:1", "v", "EX", "1.5"},
                  {"SET", "d:1", "v", "EX", ""},
                  {"SET", "d:1", "v", "EX", "9223372036854775"},
                  {"SET", "d:1", "v", "PX", "9223372036854775807"},
                  {"SET", "d:1", "v", "PX", "9223372036854775808"},
                  {"SET", "d:1", "v", "EX", "10", "KEEPTTL"},
                  {"SET", "d:1", "v", "EX", "10", "PX", "10"},
                  {"SET", "d:1", "v", "KEEPTTL", "10"},
                  {"SET", "d:1", "v", "SOMETHING"},
                  {"SET", "d:1", "v", "SOMETHING", "10"}});
}

TEST_F(DegradeRulesTest, DeletionsNameEveryKeyWithItsFirstPattern) {
  for (const std::string_view name : {"DEL", "UNLINK"}) {
    const Decision d = decide({name, "page:1", "d:1", "d:2"});
    EXPECT_EQ(d.verdict, Degraded::answer);
    EXPECT_EQ(d.reply, ":0\r\n");
    ASSERT_EQ(d.dropped.size(), 3U);
    EXPECT_EQ(d.dropped[0], std::pair(std::string("page:1"), std::string("page:?")));
    EXPECT_EQ(d.dropped[1], std::pair(std::string("d:1"), std::string("d:*")));
    EXPECT_EQ(d.dropped[2], std::pair(std::string("d:2"), std::string("d:*")));
  }
}

TEST_F(DegradeRulesTest, MixedDeletionIsRefusedAndNamesNoKey) {
  expect_refused({{"DEL", "d:1", "other"}, {"UNLINK", "other", "d:1"}, {"DEL", "d:1", "m:1"}});
}

TEST_F(DegradeRulesTest, PlainExpireIsAcknowledged) {
  for (const std::string_view time : {"10", "0", "-5"}) {
    const Decision d = decide({"EXPIRE", "d:1", time});
    EXPECT_EQ(d.reply, ":0\r\n");
    ASSERT_EQ(d.dropped.size(), 1U);
    EXPECT_EQ(d.dropped[0].first, "d:1");
  }
  expect_refused({{"EXPIRE", "d:1", "10", "NX"},
                  {"EXPIRE", "d:1"},
                  {"EXPIRE", "d:1", "x"},
                  {"EXPIRE", "d:1", "9223372036854775807"},
                  {"EXPIRE", "d:1", "-9223372036854775808"}});
}

TEST_F(DegradeRulesTest, NoOtherWriteIsEverAcknowledged) {
  expect_refused({{"INCR", "d:1"},
                  {"SETNX", "d:1", "v"},
                  {"SETEX", "d:1", "10", "v"},
                  {"PSETEX", "d:1", "10", "v"},
                  {"MSET", "d:1", "v"},
                  {"GETSET", "d:1", "v"},
                  {"APPEND", "d:1", "v"},
                  {"PEXPIRE", "d:1", "10"},
                  {"EXPIREAT", "d:1", "10"},
                  {"PERSIST", "d:1"},
                  {"HSET", "d:1", "f", "v"},
                  {"LPUSH", "d:1", "v"},
                  {"RENAME", "d:1", "d:2"},
                  {"EVAL", "return 1", "1", "d:1"},
                  {"PUBLISH", "d:1", "v"},
                  {"EXEC"},
                  {"MULTI"},
                  {"NOSUCH", "d:1"}});
}

TEST_F(DegradeRulesTest, WritesUnderMissPatternsAreRefused) {
  expect_refused({{"SET", "m:1", "v"}, {"DEL", "m:1"}, {"EXPIRE", "m:1", "10"}});
}

TEST(DegradeRules, WithoutPatternsEverythingIsRefused) {
  const DegradeRules rules({}, {});
  EXPECT_TRUE(rules.empty());
  EXPECT_FALSE(DegradeRules({"*"}, {}).empty());
  EXPECT_FALSE(DegradeRules({}, {"*"}).empty());
  EXPECT_EQ(rules.decide(Built{"GET", "a"}.request, RespVersion::resp2).verdict, Degraded::refuse);
  EXPECT_EQ(rules.decide(Built{"DEL", "a"}.request, RespVersion::resp2).verdict, Degraded::refuse);
}

}  // namespace
}  // namespace hawser
