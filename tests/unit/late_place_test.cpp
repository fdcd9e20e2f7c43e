#include "proxy/cache/late_place.hpp"

#include <gtest/gtest.h>

#include "tests/unit/recording_sink.hpp"

namespace hawser {
namespace {

class LatePlaceTest : public testing::Test {
 protected:
  void open() { place_->open(SlotHandle(*client_, 0)); }

  const SinkPtr<RecordingSink> client_{new RecordingSink};
  SinkPtr<LatePlace> place_{new LatePlace};
  SlotHandle slot_{*place_, 0};
};

TEST_F(LatePlaceTest, ReplyGoesToThePlace) {
  open();
  slot_.complete("+OK\r\n");
  EXPECT_EQ(client_->got, "+OK\r\n");
}

TEST_F(LatePlaceTest, ReplyThatCameBeforeIsKept) {
  slot_.complete("-ERR x\r\n");
  EXPECT_EQ(client_->got, "");
  open();
  EXPECT_EQ(client_->got, "-ERR x\r\n");
}

TEST_F(LatePlaceTest, FailureThatCameBeforeIsKept) {
  slot_.fail(Failure::full_pinned);
  open();
  EXPECT_EQ(client_->failed, Failure::full_pinned);
}

TEST_F(LatePlaceTest, AnExpiredRequestIsSettledWithItsOwnHandle) {
  open();
  slot_.expire(Failure::timeout, 5);
  place_ = SinkPtr<LatePlace>();
  EXPECT_EQ(client_->failed, Failure::timeout);
  EXPECT_FALSE(client_->settled);
  slot_ = SlotHandle();
  EXPECT_TRUE(client_->settled);
}

}  // namespace
}  // namespace hawser
