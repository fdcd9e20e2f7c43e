#include "proxy/downstream/reply_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

namespace hawser {
namespace {

class ReplyQueueTest : public ::testing::Test, public ReplyQueueOwner {
 protected:
  static constexpr std::size_t kOutput = 100000;
  static constexpr std::size_t kStreamAbove = 1000;

  ReplyQueueTest() : queue_(new ReplyQueue(*this, parts_)) {}

  SlotHandle open(bool muted = false) { return queue_->open(Request{}, muted); }

  /// Takes what is ready to be written.
  std::string written() {
    std::string out;
    std::array<iovec, 64> pieces;
    while (!queue_->output().empty()) {
      const int count = queue_->output().describe(pieces.data(), 64);
      for (int i = 0; i < count; ++i) {
        const iovec& piece = pieces[static_cast<std::size_t>(i)];
        out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
        queue_->output().consume(piece.iov_len);
      }
    }
    return out;
  }

  void on_replies_ready() override { ++ready_; }
  /// As a socket does that takes what is queued and then `socket_takes_` bytes.
  std::size_t write_through(std::string_view bytes) override {
    if (socket_takes_ == 0) return 0;
    through_ += written();
    const std::size_t n = std::min(bytes.size(), socket_takes_);
    through_ += bytes.substr(0, n);
    return n;
  }
  void on_reply_held() override { ++held_; }
  void on_reply_broken() override { broken_ = true; }
  void on_long_replies(bool hears) override { hears_long_ = hears; }

  BlockPool pool_;
  DownstreamStats stats_;
  TurnClock clock_;
  const ReplyQueue::Parts parts_{
      stats_, clock_, pool_, {.output = kOutput, .stream_above = kStreamAbove}};
  SinkPtr<ReplyQueue> queue_;
  int ready_ = 0;
  int held_ = 0;
  bool broken_ = false;
  bool hears_long_ = false;
  std::size_t socket_takes_ = 0;
  std::string through_;
};

TEST_F(ReplyQueueTest, RepliesInAnyOrderAreReleasedInTheOrderOfRequests) {
  SlotHandle first = open(), second = open(), third = open();
  third.complete("+3\r\n");
  EXPECT_EQ(written(), "");
  first.complete("+1\r\n");
  EXPECT_EQ(written(), "+1\r\n");
  second.complete("+2\r\n");
  EXPECT_EQ(written(), "+2\r\n+3\r\n");
  EXPECT_EQ(queue_->unanswered(), 0U);
}

TEST_F(ReplyQueueTest, EarlyAnswerCountsAsAnsweredBeforeItsTurn) {
  SlotHandle first = open(), second = open();
  second.complete("+2\r\n");
  EXPECT_EQ(queue_->unanswered(), 1U);
  EXPECT_EQ(queue_->size(), 2U);
  first.complete("+1\r\n");
  EXPECT_EQ(queue_->size(), 0U);
}

TEST_F(ReplyQueueTest, RepliesAfterTheClientLeftAreSwallowed) {
  SlotHandle first = open(), second = open();
  queue_->detach();
  first.complete("+secret\r\n");
  second.fail(Failure::timeout, 5);
  EXPECT_EQ(ready_, 0);
  EXPECT_TRUE(queue_->output().empty());
  EXPECT_EQ(pool_.bytes_in_use(), 0U);
}

TEST_F(ReplyQueueTest, QueueOutlivesItsClientWhileRequestsAreInFlight) {
  SlotHandle slot = open();
  queue_->detach();
  queue_ = SinkPtr<ReplyQueue>();
  slot.complete("+late\r\n");  // A sanitizer would see a use after free.
}

TEST_F(ReplyQueueTest, DroppedHandleIsAnsweredWithAnUnknownOutcome) {
  { const SlotHandle dropped = open(); }
  EXPECT_EQ(written(), failure_reply(Failure::lost));
}

TEST_F(ReplyQueueTest, MutedReplyIsDroppedAtItsPlace) {
  SlotHandle first = open(true), second = open();
  second.complete("+2\r\n");
  EXPECT_EQ(written(), "");
  first.complete("+1\r\n");
  EXPECT_EQ(written(), "+2\r\n");
}

TEST_F(ReplyQueueTest, FailureIsCountedByReason) {
  open().fail(Failure::timeout, 3000);
  EXPECT_EQ(written(), "-PROXYTIMEOUT no reply within 3000 ms, outcome unknown\r\n");
  EXPECT_EQ(stats_.failures[static_cast<std::size_t>(Failure::timeout)].value(), 1U);
}

TEST_F(ReplyQueueTest, StreamIsTakenOnlyAtTheFront) {
  SlotHandle first = open(), second = open();
  EXPECT_EQ(first.stream_threshold(), kStreamAbove);
  EXPECT_EQ(second.stream_threshold(), 0U);
  first.complete("+1\r\n");
  EXPECT_EQ(second.stream_threshold(), kStreamAbove);
  second.abandon();
}

TEST_F(ReplyQueueTest, StreamedPartsComeOutInOrderAndReleaseWhatWaits) {
  SlotHandle first = open(), second = open();
  second.complete("+2\r\n");
  EXPECT_TRUE(first.stream("$6\r\nabc", false));
  EXPECT_EQ(written(), "$6\r\nabc");
  EXPECT_TRUE(first.stream("def\r\n", true));
  EXPECT_EQ(written(), "def\r\n+2\r\n");
}

TEST_F(ReplyQueueTest, ReplyLongerThanTheOutputLimitWaitsForItsReader) {
  SlotHandle slot = open();
  EXPECT_TRUE(slot.stream(std::string(kOutput, 'x'), false));
  EXPECT_FALSE(slot.stream("more", false));
  EXPECT_EQ(queue_->counted(), 0U);
  written();
  EXPECT_TRUE(slot.stream("", false));
  slot.stream("\r\n", true);
}

TEST_F(ReplyQueueTest, BacklogOfSeveralRepliesIsNoReasonToWait) {
  SlotHandle first = open(), second = open();
  first.complete(std::string(kOutput, 'x'));
  EXPECT_TRUE(second.stream(std::string(2000, 'y'), false));
  EXPECT_EQ(queue_->counted(), kOutput + 2000);
  second.stream("", true);
}

TEST_F(ReplyQueueTest, BytesBehindAReplyLongerThanTheLimitCount) {
  SlotHandle first = open(), second = open(), third = open();
  first.stream(std::string(kOutput + 1, 'x'), false);
  first.stream(std::string(kOutput + 1, 'x'), true);
  EXPECT_EQ(queue_->counted(), 0U);
  second.complete("+2\r\n");
  queue_->push(">1\r\n+x\r\n");
  EXPECT_EQ(queue_->counted(), 12U);
  third.stream(std::string(kOutput + 1, 'y'), false);  // One at a time is excused.
  EXPECT_EQ(queue_->counted(), 12 + kOutput + 1);
  third.stream("", true);
}

TEST_F(ReplyQueueTest, ExpiredRequestIsAnsweredAndSettledByItsLateReply) {
  SlotHandle first = open(), second = open();
  first.expire(Failure::timeout, 5);
  EXPECT_EQ(written(), failure_reply(Failure::timeout, 5));
  EXPECT_EQ(queue_->unanswered(), 1U);
  EXPECT_EQ(queue_->unsettled(), 2U);
  second.complete("+2\r\n");
  EXPECT_EQ(queue_->unsettled(), 1U);
  ready_ = 0;
  { const SlotHandle late = std::move(first); }
  EXPECT_EQ(queue_->unsettled(), 0U);
  EXPECT_EQ(ready_, 1);
  EXPECT_EQ(written(), "+2\r\n");
}

TEST_F(ReplyQueueTest, LossInTheMiddleOfAStreamEndsTheClientInsteadOfInventingBytes) {
  SlotHandle slot = open();
  slot.stream("$100\r\nabc", false);
  slot.fail(Failure::lost);
  EXPECT_TRUE(broken_);
  EXPECT_EQ(written(), "$100\r\nabc");
}

TEST_F(ReplyQueueTest, LargeReplyIsOfferedToTheSocketBehindWhatIsQueued) {
  const std::string large(50000, 'v');
  SlotHandle first = open(), second = open();
  first.complete("+1\r\n");
  socket_takes_ = 20000;
  second.complete(large);
  EXPECT_EQ(through_, "+1\r\n" + large.substr(0, 20000));
  EXPECT_EQ(written(), large.substr(20000));
}

TEST_F(ReplyQueueTest, LargeReplyInABlockOfItsOwnIsNotCopied) {
  BlockPtr block = pool_.take(50000);
  block->append(std::string(50000, 'v'));
  const char* where = block->data();
  open().complete(Reply{block->view(), &block});
  std::array<iovec, 1> piece;
  ASSERT_EQ(queue_->output().describe(piece.data(), 1), 1);
  EXPECT_EQ(piece[0].iov_base, where);
  EXPECT_EQ(block, nullptr);
}

TEST_F(ReplyQueueTest, EarlyReplyIsKeptThoughItsBlockIsUsedAgain) {
  SlotHandle first = open(), second = open();
  {
    BlockPtr block = pool_.take(20000);
    block->append(std::string(20000, 'v'));
    second.complete(Reply{block->view(), &block});
  }
  first.complete("+1\r\n");
  EXPECT_EQ(written(), "+1\r\n" + std::string(20000, 'v'));
}

TEST_F(ReplyQueueTest, MutedReplyInPartsIsDropped) {
  SlotHandle first = open(true), second = open();
  first.stream("$6\r\nabc", false);
  first.stream("def\r\n", true);
  second.complete("+2\r\n");
  EXPECT_EQ(written(), "+2\r\n");
  EXPECT_EQ(queue_->size(), 0U);
}

TEST_F(ReplyQueueTest, RestOfAStreamIsSwallowedAfterTheClientLeft) {
  SlotHandle slot = open();
  slot.stream("$6\r\nabc", false);
  queue_->detach();
  EXPECT_TRUE(slot.stream("def\r\n", true));
  EXPECT_TRUE(queue_->output().empty());
  EXPECT_EQ(queue_->unanswered(), 0U);
}

TEST_F(ReplyQueueTest, LossOfAStreamAfterTheClientLeftTellsNobody) {
  SlotHandle slot = open();
  slot.stream("$6\r\nabc", false);
  queue_->detach();
  slot.fail(Failure::lost);
  EXPECT_FALSE(broken_);
  EXPECT_EQ(queue_->unanswered(), 0U);
}

TEST_F(ReplyQueueTest, StreamThatEndedDoesNotSpoilTheNextReply) {
  SlotHandle first = open(), second = open();
  first.stream(std::string(kOutput + 1, 'x'), false);
  first.stream("", true);
  written();
  second.fail(Failure::lost);
  EXPECT_FALSE(broken_);
  EXPECT_EQ(written(), failure_reply(Failure::lost));
}

TEST_F(ReplyQueueTest, FailureBehindTheFrontWaitsForItsTurn) {
  SlotHandle first = open(), second = open();
  second.fail(Failure::down);
  EXPECT_EQ(written(), "");
  first.complete("+1\r\n");
  EXPECT_EQ(written(), "+1\r\n" + failure_reply(Failure::down));
}

TEST_F(ReplyQueueTest, PushedBytesGoBehindWhatIsReleasedAndAnswerNothing) {
  SlotHandle first = open(), second = open();
  first.complete("+1\r\n");
  queue_->push(">1\r\n+x\r\n");
  EXPECT_EQ(queue_->unanswered(), 1U);
  second.complete("+2\r\n");
  EXPECT_EQ(written(), "+1\r\n>1\r\n+x\r\n+2\r\n");
}

TEST_F(ReplyQueueTest, PushedBytesNeverComeIntoTheMiddleOfAReply) {
  SlotHandle first = open(), second = open();
  first.stream("$6\r\nabc", false);
  queue_->push(">1\r\n+x\r\n");
  second.complete("+2\r\n");
  EXPECT_EQ(written(), "$6\r\nabc");
  first.stream("def\r\n", true);
  EXPECT_EQ(written(), "def\r\n>1\r\n+x\r\n+2\r\n");
}

TEST_F(ReplyQueueTest, ErrorsOfTheUpstreamAreCountedAndPassedOnAsTheyAre) {
  open().complete("-WRONGTYPE x\r\n");
  open().complete("+OK\r\n");
  EXPECT_EQ(written(), "-WRONGTYPE x\r\n+OK\r\n");
  EXPECT_EQ(stats_.upstream_errors.value(), 1U);
}

TEST_F(ReplyQueueTest, ALongReplyIsRememberedForAWhile) {
  SlotHandle slot = open();
  slot.stream(std::string(kOutput, 'x'), false);
  EXPECT_FALSE(hears_long_);
  slot.stream("y", true);
  EXPECT_TRUE(hears_long_);
  int short_ones = 0;
  for (; hears_long_ && short_ones < 1000; ++short_ones) open().complete("+OK\r\n");
  EXPECT_EQ(short_ones, 100);
}

}  // namespace
}  // namespace hawser
