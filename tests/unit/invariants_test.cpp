#include <gtest/gtest.h>

#include <ostream>
#include <random>

#include "tests/support/invariant_model.hpp"

namespace hawser::test {
namespace {

class Invariants : public ::testing::Test {
 protected:
  Invariants() : seed_(std::random_device{}()) {}

  /// Whether a run with `fault` shows within some time that `invariant` is broken.
  bool notices(Fault fault, Invariant invariant) const {
    InvariantModel model(seed_, fault);
    for (int i = 0; i < 20000 && !model.checker().is_broken(invariant); ++i) model.step();
    return model.checker().is_broken(invariant);
  }

  const std::uint32_t seed_;
};

TEST_F(Invariants, HoldInEveryInterleaving) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  InvariantModel model(seed_, Fault::none);
  for (int i = 0; i < 20000; ++i) {
    model.step();
    ASSERT_TRUE(model.checker().broken().empty())
        << "step " << i << ", " << model.checker().first_violation();
  }
  EXPECT_TRUE(model.settle());
  EXPECT_TRUE(model.checker().broken().empty()) << model.checker().first_violation();
  EXPECT_EQ(model.buffered_bytes(), 0U);

  // Else the run has shown nothing.
  const Seen& seen = model.seen();
  for (const std::size_t count :
       {seen.time_outs, seen.losses, seen.answered_lost, seen.expired_waiting, seen.put_back,
        seen.swallowed, seen.pushes, seen.parts, seen.partial_writes, seen.split_requests,
        seen.departures, seen.run_after_loss}) {
    EXPECT_GT(count, 0U);
  }
  EXPECT_GT(model.checker().answered_by_redis(), 1000U);
  EXPECT_GT(model.checker().answered_by_failure(), 100U);
}

TEST_F(Invariants, ForeignRepliesAreNoticed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  EXPECT_TRUE(notices(Fault::drop_slot_on_timeout, Invariant::own_replies));
  EXPECT_TRUE(notices(Fault::drop_slot_on_departure, Invariant::own_replies));
  EXPECT_TRUE(notices(Fault::reply_to_push, Invariant::own_replies));
}

TEST_F(Invariants, PartOfARequestOnTheLaneIsNoticed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  EXPECT_TRUE(notices(Fault::partial_request_sent, Invariant::whole_requests));
}

TEST_F(Invariants, BrokenOrderIsNoticed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  EXPECT_TRUE(notices(Fault::reorder_requests, Invariant::one_order));
  EXPECT_TRUE(notices(Fault::skip_predecessor_kill, Invariant::one_order));
}

TEST_F(Invariants, SecondExecutionIsNoticed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  EXPECT_TRUE(notices(Fault::resend_after_loss, Invariant::never_twice));
}

TEST_F(Invariants, MissingAnswerIsNoticed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  EXPECT_TRUE(notices(Fault::forget_request, Invariant::always_an_answer));
}

TEST_F(Invariants, InventedReplyIsNoticed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  EXPECT_TRUE(notices(Fault::invent_ok, Invariant::no_invented_reply));
  EXPECT_TRUE(notices(Fault::claim_not_executed, Invariant::no_invented_reply));
}

}  // namespace
}  // namespace hawser::test
