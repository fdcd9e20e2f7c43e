#include "proxy/degradation/absent_reply.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

using protocol::RespVersion;
using Words = std::vector<std::string_view>;

std::string absent(const Words& words, RespVersion version) {
  const Built built(words);
  std::string out = "before";
  const bool answered = append_absent_reply(built.request, version, out);
  EXPECT_EQ(out.substr(0, 6), "before");
  EXPECT_EQ(answered, out.size() > 6);
  return out.substr(6);
}

TEST(AbsentReply, EachReadIsAnsweredAsRedisDoes) {
  struct Case {
    Words words;
    std::string_view resp2;
    std::string_view resp3;
  };
  for (const Case& c : std::vector<Case>{
           {{"GET", "k"}, "$-1\r\n", "_\r\n"},
           {{"get", "k"}, "$-1\r\n", "_\r\n"},
           {{"MGET", "k"}, "*1\r\n$-1\r\n", "*1\r\n_\r\n"},
           {{"MGET", "k", "l", "k"}, "*3\r\n$-1\r\n$-1\r\n$-1\r\n", "*3\r\n_\r\n_\r\n_\r\n"},
           {{"GETRANGE", "k", "0", "-1"}, "$0\r\n\r\n", "$0\r\n\r\n"},
           {{"STRLEN", "k"}, ":0\r\n", ":0\r\n"},
           {{"EXISTS", "k", "l"}, ":0\r\n", ":0\r\n"},
           {{"TTL", "k"}, ":-2\r\n", ":-2\r\n"},
           {{"PTTL", "k"}, ":-2\r\n", ":-2\r\n"},
           {{"HGET", "k", "f"}, "$-1\r\n", "_\r\n"},
           {{"HMGET", "k", "f", "g"}, "*2\r\n$-1\r\n$-1\r\n", "*2\r\n_\r\n_\r\n"},
           {{"HGETALL", "k"}, "*0\r\n", "%0\r\n"}}) {
    const std::string_view name = c.words[0];
    EXPECT_EQ(absent(c.words, RespVersion::resp2), c.resp2) << name;
    EXPECT_EQ(absent(c.words, RespVersion::resp3), c.resp3) << name;
  }
}

TEST(AbsentReply, WhatRedisAnswersWithAnErrorIsNotAnswered) {
  for (const Words& words : std::vector<Words>{{"GET"},
                                               {"GET", "k", "l"},
                                               {"MGET"},
                                               {"HMGET", "k"},
                                               {"HGET", "k"},
                                               {"GETRANGE", "k", "0"},
                                               {"GETRANGE", "k", "0", "x"},
                                               {"GETRANGE", "k", "", "1"},
                                               {"GETRANGE", "k", "0", "9223372036854775808"}}) {
    EXPECT_EQ(absent(words, RespVersion::resp2), "") << words[0];
  }
}

TEST(AbsentReply, OtherCommandsAreNotAnswered) {
  for (const Words& words : std::vector<Words>{{"SET", "k", "v"},
                                               {"GETDEL", "k"},
                                               {"GETEX", "k"},
                                               {"LRANGE", "k", "0", "-1"},
                                               {"HLEN", "k"},
                                               {"EXPIRETIME", "k"},
                                               {"SUBSTR", "k", "0", "1"},
                                               {"TYPE", "k"},
                                               {"PING"},
                                               {"NOSUCH", "k"},
                                               {"CLIENT", "NOSUCH"}}) {
    EXPECT_EQ(absent(words, RespVersion::resp3), "") << words[0];
  }
}

KeysCovered covered(const Words& words) {
  const Built built(words);
  return keys_covered(built.request, [](std::string_view key) { return key.starts_with("c:"); });
}

TEST(KeysCovered, TellsNoneSomeAndAll) {
  EXPECT_EQ(covered({"GET", "c:1"}), KeysCovered::all);
  EXPECT_EQ(covered({"GET", "d:1"}), KeysCovered::none);
  EXPECT_EQ(covered({"MGET", "c:1", "c:2"}), KeysCovered::all);
  EXPECT_EQ(covered({"MGET", "c:1", "d:1"}), KeysCovered::some);
  EXPECT_EQ(covered({"MGET", "d:1", "d:2", "c:1"}), KeysCovered::some);
  EXPECT_EQ(covered({"MGET", "d:1", "d:2"}), KeysCovered::none);
}

TEST(KeysCovered, LooksAtKeysAndAtNothingElse) {
  EXPECT_EQ(covered({"SET", "c:1", "d:1"}), KeysCovered::all);
  EXPECT_EQ(covered({"SET", "d:1", "c:1"}), KeysCovered::none);
  EXPECT_EQ(covered({"MSET", "c:1", "d:1", "c:2", "d:2"}), KeysCovered::all);
  EXPECT_EQ(covered({"HMGET", "c:1", "d:1", "d:2"}), KeysCovered::all);
}

TEST(KeysCovered, NoKeysOrWrongArityIsNone) {
  EXPECT_EQ(covered({"PING", "c:1"}), KeysCovered::none);
  EXPECT_EQ(covered({"NOSUCH", "c:1"}), KeysCovered::none);
  EXPECT_EQ(covered({"GET", "c:1", "c:2"}), KeysCovered::none);
  EXPECT_EQ(covered({"GET"}), KeysCovered::none);
}

}  // namespace
}  // namespace hawser
