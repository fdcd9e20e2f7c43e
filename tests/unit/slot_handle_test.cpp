#include "proxy/traffic/slot_handle.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hawser {
namespace {

/// Notes what happens to it; ends its own life with its last reference, as every sink does.
class Noting final : public ReplySink {
 public:
  explicit Noting(std::vector<std::string>& seen) : seen_(seen) {}
  ~Noting() override { seen_.emplace_back("gone"); }

  void on_reply(std::uint32_t slot, Reply reply) override {
    seen_.push_back(std::to_string(slot) + " reply " + std::string(reply.bytes));
  }
  void on_failure(std::uint32_t slot, Failure failure, std::int64_t number) override {
    seen_.push_back(std::to_string(slot) + " " + std::string(failure_row(failure).label) + " " +
                    std::to_string(number));
  }
  void on_settled() override { seen_.emplace_back("settled"); }
  bool on_part(std::uint32_t slot, std::string_view part, bool last) override {
    seen_.push_back(std::to_string(slot) + (last ? " last " : " part ") + std::string(part));
    return false;
  }

 private:
  std::vector<std::string>& seen_;
};

using Seen = std::vector<std::string>;

class SlotHandleTest : public ::testing::Test {
 protected:
  Seen seen_;
  SinkPtr<Noting> sink_{new Noting(seen_)};
};

TEST_F(SlotHandleTest, IsAnsweredOnceHoweverLongItLives) {
  {
    SlotHandle slot(*sink_, 7);
    EXPECT_TRUE(slot);
    slot.complete("+OK");
    EXPECT_FALSE(slot);
  }
  EXPECT_EQ(seen_, Seen{"7 reply +OK"});
}

TEST_F(SlotHandleTest, DroppedOneIsAnsweredAsLost) {
  { const SlotHandle slot(*sink_, 3); }
  EXPECT_EQ(seen_, Seen{"3 connection_lost 0"});
}

TEST_F(SlotHandleTest, ExpiredOneIsAnsweredAtOnceAndSettledAtItsEnd) {
  {
    SlotHandle slot(*sink_, 3);
    slot.expire(Failure::timeout, 5);
    EXPECT_FALSE(slot);
    slot.abandon();
    SlotHandle kept = std::move(slot);
    EXPECT_FALSE(kept);
    EXPECT_EQ(seen_, Seen{"3 timeout 5"});
  }
  EXPECT_EQ(seen_, (Seen{"3 timeout 5", "settled"}));
}

TEST_F(SlotHandleTest, AbandonedOneIsNotAnswered) {
  SlotHandle slot(*sink_, 3);
  slot.abandon();
  EXPECT_FALSE(slot);
  slot.abandon();
  EXPECT_EQ(seen_, Seen{});
}

TEST_F(SlotHandleTest, FailureComesWithItsNumber) {
  SlotHandle(*sink_, 1).fail(Failure::timeout, 3000);
  EXPECT_EQ(seen_, Seen{"1 timeout 3000"});
}

TEST_F(SlotHandleTest, DutyMovesWithTheHandle) {
  {
    SlotHandle first(*sink_, 1);
    SlotHandle second(std::move(first));
    EXPECT_TRUE(second);
    SlotHandle third;
    third = std::move(second);
    third.complete("+a");
  }
  EXPECT_EQ(seen_, Seen{"1 reply +a"});
}

TEST_F(SlotHandleTest, OnlyTheLastPartAnswers) {
  SlotHandle slot(*sink_, 2);
  EXPECT_FALSE(slot.stream("a", false));
  EXPECT_TRUE(slot);
  EXPECT_FALSE(slot.stream("b", true));
  EXPECT_FALSE(slot);
  EXPECT_EQ(seen_, (Seen{"2 part a", "2 last b"}));
}

TEST_F(SlotHandleTest, StreamThatBreaksOffFails) {
  {
    SlotHandle slot(*sink_, 2);
    slot.stream("a", false);
  }
  EXPECT_EQ(seen_, (Seen{"2 part a", "2 connection_lost 0"}));
}

TEST_F(SlotHandleTest, SinkLivesUntilItsLastHandle) {
  SlotHandle first(*sink_, 1), second(*sink_, 2);
  sink_ = SinkPtr<Noting>();
  first.complete("+a");
  EXPECT_EQ(seen_, Seen{"1 reply +a"});
  second.abandon();
  EXPECT_EQ(seen_, (Seen{"1 reply +a", "gone"}));
}

TEST(SinkPtr, CopiesShareTheSink) {
  Seen seen;
  {
    SinkPtr<Noting> one(new Noting(seen));
    const SinkPtr<Noting> two(one);
    one = SinkPtr<Noting>();
    EXPECT_EQ(seen, Seen{});
    EXPECT_NE(two.get(), nullptr);
  }
  EXPECT_EQ(seen, Seen{"gone"});
}

}  // namespace
}  // namespace hawser
