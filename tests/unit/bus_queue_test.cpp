#include "proxy/cache/bus/bus_queue.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hawser {
namespace {

constexpr std::string_view kBusy = "-BUSY Redis is busy\r\n";

class BusQueueTest : public ::testing::Test {
 protected:
  void push(const std::string& name) {
    queue_.push(name, [this, name](std::string_view reply) {
      done_.push_back(name + " " + std::string(reply.substr(0, reply.find_first_of(" \r"))));
    });
  }
  std::string send(std::size_t most = 100, std::size_t most_bytes = 1000) {
    return queue_.send(most, most_bytes).requests;
  }
  using Texts = std::vector<std::string>;
  Texts taken() { return std::exchange(done_, {}); }

  Texts done_;
  int answers_ = 0;
  BusQueue queue_{[this](std::string_view) { ++answers_; }};
};

TEST_F(BusQueueTest, MessagesAreSentTogetherAndAnsweredOnce) {
  for (const char* name : {"a", "b", "c"}) push(name);
  EXPECT_EQ(queue_.bytes(), 3U);
  EXPECT_EQ(send(), "abc");
  push("d");
  queue_.on_reply(0, ":1\r\n");
  EXPECT_EQ(taken(), Texts{"a :1"});
  queue_.on_reply(1, "-NOPERM no\r\n");
  EXPECT_TRUE(queue_.is_sending());
  queue_.on_reply(2, ":0\r\n");
  EXPECT_EQ(taken(), (Texts{"b -NOPERM", "c :0"}));
  EXPECT_FALSE(queue_.is_sending());
  EXPECT_FALSE(queue_.has_failed());
  EXPECT_EQ(answers_, 3);
  EXPECT_EQ(queue_.size(), 1U);
  EXPECT_EQ(send(), "d");
  queue_.on_reply(0, ":1\r\n");
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.bytes(), 0U);
}

TEST_F(BusQueueTest, ABatchIsBounded) {
  for (const char* name : {"aaaa", "bb", "cc", "d"}) push(name);
  EXPECT_EQ(send(2, 100), "aaaabb");
  for (const std::size_t i : {0U, 1U}) queue_.on_reply(i, ":0\r\n");
  EXPECT_EQ(send(100, 1), "cc");  // At least one.
  queue_.on_reply(0, ":0\r\n");
  EXPECT_EQ(send(100, 1), "d");
}

TEST_F(BusQueueTest, WhatIsLostIsSentAgainBeforeWhatIsBehindIt) {
  for (const char* name : {"a", "b", "c"}) push(name);
  send();
  push("d");
  queue_.on_reply(0, ":1\r\n");
  queue_.on_failure(1);
  queue_.on_failure(2);
  EXPECT_TRUE(queue_.has_failed());
  EXPECT_FALSE(queue_.is_stuck());
  EXPECT_EQ(taken(), Texts{"a :1"});
  EXPECT_EQ(send(), "bcd");
  for (const std::size_t i : {0U, 1U, 2U}) queue_.on_failure(i);
  EXPECT_TRUE(queue_.is_stuck());
  EXPECT_EQ(send(), "bcd");
}

TEST_F(BusQueueTest, ALateOneAmongAnsweredOnesIsSentAgain) {
  for (const char* name : {"a", "b"}) push(name);
  send();
  queue_.on_failure(0);
  queue_.on_reply(1, ":1\r\n");
  EXPECT_EQ(taken(), Texts{"b :1"});
  EXPECT_EQ(send(), "a");
}

TEST_F(BusQueueTest, WhatRedisWillTakeLaterIsSentAgain) {
  for (const char* name : {"a", "b", "c"}) push(name);
  send();
  queue_.on_reply(0, ":1\r\n");
  queue_.on_reply(1, kBusy);
  queue_.on_reply(2, kBusy);
  EXPECT_EQ(taken(), Texts{"a :1"});
  EXPECT_TRUE(queue_.has_failed());
  EXPECT_EQ(send(), "bc");
  queue_.on_reply(0, ":1\r\n");
  queue_.on_reply(1, ":1\r\n");
  EXPECT_EQ(taken(), (Texts{"b :1", "c :1"}));
}

TEST_F(BusQueueTest, ARejectionBeforeOneThatWasTakenIsAnAnswer) {
  for (const char* name : {"a", "b", "c"}) push(name);
  send();
  queue_.on_reply(0, kBusy);
  queue_.on_reply(1, kBusy);
  EXPECT_TRUE(taken().empty());
  queue_.on_reply(2, ":1\r\n");
  EXPECT_EQ(taken(), (Texts{"a -BUSY", "b -BUSY", "c :1"}));
  EXPECT_EQ(answers_, 3);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(BusQueueTest, TheOldestThatIsNotBeingSentIsDropped) {
  for (const char* name : {"a", "b"}) push(name);
  send();
  EXPECT_FALSE(queue_.drop("-FULL x\r\n"));
  for (const char* name : {"c", "d"}) push(name);
  EXPECT_TRUE(queue_.drop("-FULL x\r\n"));
  EXPECT_EQ(taken(), Texts{"c -FULL"});
  EXPECT_EQ(answers_, 0);
  EXPECT_EQ(queue_.bytes(), 3U);
  queue_.on_failure(0);
  queue_.on_failure(1);
  EXPECT_TRUE(queue_.drop("-FULL x\r\n"));
  EXPECT_EQ(taken(), Texts{"a -FULL"});
  EXPECT_EQ(send(), "bd");
}

TEST_F(BusQueueTest, AnAnswerMayQueueAndDropMore) {
  for (const char* name : {"a", "b"}) {
    queue_.push(name, [this](std::string_view) {
      for (int i = 0; i < 50; ++i) push("n" + std::to_string(i));
      for (int i = 0; i < 49; ++i) queue_.drop("-FULL x\r\n");
    });
  }
  send();
  queue_.on_reply(0, kBusy);
  queue_.on_reply(1, ":1\r\n");
  EXPECT_EQ(queue_.size(), 2U);
  EXPECT_FALSE(queue_.is_sending());
  EXPECT_EQ(send(), "n48n49");
}

}  // namespace
}  // namespace hawser
