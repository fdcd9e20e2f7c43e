#include "proxy/cache/redis_refusal.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

TEST(RedisRefusal, WhatMayGoAwayIsTriedAgain) {
  EXPECT_EQ(refusal_of("-LOADING Redis is loading the dataset in memory\r\n"), Refusal::passing);
  EXPECT_EQ(refusal_of("-BUSY Redis is busy running a script.\r\n"), Refusal::passing);
  EXPECT_EQ(refusal_of("-MASTERDOWN Link with MASTER is down\r\n"), Refusal::passing);
  EXPECT_EQ(refusal_of("-MISCONF Redis is configured to save RDB snapshots\r\n"), Refusal::passing);
}

TEST(RedisRefusal, WhyATransactionWasAbortedCounts) {
  EXPECT_EQ(refusal_of("-EXECABORT Transaction discarded because of: BUSY Redis is busy\r\n"),
            Refusal::passing);
  EXPECT_EQ(refusal_of("-EXECABORT Transaction discarded because of: OOM command not allowed\r\n"),
            Refusal::no_writes);
  EXPECT_EQ(refusal_of("-EXECABORT Transaction discarded because of previous errors.\r\n"),
            Refusal::final);
}

TEST(RedisRefusal, AServerThatTakesNoWritesMayStaySo) {
  EXPECT_EQ(refusal_of("-READONLY You can't write against a read only replica. script: 0a1b, on "
                       "@user_script:3.\r\n"),
            Refusal::no_writes);
  EXPECT_EQ(refusal_of("-NOREPLICAS Not enough good replicas to write.\r\n"), Refusal::no_writes);
  EXPECT_EQ(refusal_of("-OOM command not allowed\r\n"), Refusal::no_writes);
}

TEST(RedisRefusal, OlderServersWrapIt) {
  EXPECT_EQ(refusal_of("-ERR Error running script (call to f_ab12): @user_script:9: @user_script: "
                       "9: -READONLY You can't write against a read only replica.\r\n"),
            Refusal::no_writes);
  EXPECT_EQ(refusal_of("-ERR Error running script (call to f_ab12): @user_script:9: x\r\n"),
            Refusal::final);
}

TEST(RedisRefusal, AllElseIsTheAnswer) {
  EXPECT_EQ(refusal_of("-NOPERM this user has no permissions\r\n"), Refusal::final);
  EXPECT_EQ(refusal_of("-WRONGTYPE Operation against a key\r\n"), Refusal::final);
  EXPECT_EQ(refusal_of("-ERR DB index is out of range\r\n"), Refusal::final);
}

}  // namespace
}  // namespace hawser
