#include "proxy/cache/tagged_set.hpp"

#include <gtest/gtest.h>

#include "tests/unit/recording_sink.hpp"

namespace hawser {
namespace {

class TaggedSetTest : public testing::Test {
 protected:
  using End = TaggedSetSink::End;

  TaggedSetTest() {
    const SinkPtr<TaggedSetSink> sink(
        new TaggedSetSink(2, SlotHandle(*client_, 0), [this](End end) { ends_.push_back(end); }));
    for (std::uint32_t place = 0; place < 5; ++place) slots_.emplace_back(*sink, place);
  }
  void answer(std::initializer_list<std::string_view> replies) {
    std::size_t place = 0;
    for (const std::string_view reply : replies) slots_[place++].complete(reply);
  }

  SinkPtr<RecordingSink> client_{new RecordingSink};
  std::vector<End> ends_;
  std::vector<SlotHandle> slots_;
};

TEST_F(TaggedSetTest, BlockIsATransaction) {
  const std::vector<std::string> indexes = {"t1", "t2"};
  const TaggedSet set{"k", "v", "5", "99", indexes};
  EXPECT_EQ(set.requests(), 5U);
  EXPECT_EQ(set.bytes(),
            "*1\r\n$5\r\nMULTI\r\n"
            "*4\r\n$4\r\nZADD\r\n$2\r\nt1\r\n$2\r\n99\r\n$1\r\nk\r\n"
            "*4\r\n$4\r\nZADD\r\n$2\r\nt2\r\n$2\r\n99\r\n$1\r\nk\r\n"
            "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nPX\r\n$1\r\n5\r\n"
            "*1\r\n$4\r\nEXEC\r\n");
}

TEST_F(TaggedSetTest, ClientGetsTheReplyOfSet) {
  answer({"+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "*3\r\n:1\r\n:0\r\n+OK\r\n"});
  EXPECT_EQ(client_->got, "+OK\r\n");
  EXPECT_EQ(ends_, std::vector{End::stored});
}

TEST_F(TaggedSetTest, WhatRedisWouldNotQueueIsTheAnswer) {
  answer({"+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "-OOM too much\r\n", "-EXECABORT x\r\n"});
  EXPECT_EQ(client_->got, "-OOM too much\r\n");
  EXPECT_EQ(ends_, std::vector{End::refused});
}

TEST_F(TaggedSetTest, AnIndexThatIsRefusedIsTheAnswerAndTheValueMustGo) {
  answer({"+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "+QUEUED\r\n",
          "*3\r\n:1\r\n-WRONGTYPE w\r\n+OK\r\n"});
  EXPECT_EQ(client_->got, "-WRONGTYPE w\r\n");
  EXPECT_EQ(ends_, std::vector{End::unindexed});
}

TEST_F(TaggedSetTest, ALostBlockIsOneLostRequest) {
  answer({"+OK\r\n", "+QUEUED\r\n"});
  for (std::size_t place = 2; place < slots_.size(); ++place) slots_[place].expire(Failure::lost);
  EXPECT_EQ(client_->failed, Failure::lost);
  EXPECT_FALSE(client_->settled);
  slots_.clear();
  EXPECT_TRUE(client_->settled);
  EXPECT_TRUE(ends_.empty());
}

}  // namespace
}  // namespace hawser
