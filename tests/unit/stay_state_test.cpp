#include "proxy/transactions/stay_state.hpp"

#include <gtest/gtest.h>

#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

constexpr std::string_view kOk = "+OK\r\n";
constexpr std::string_view kQueued = "+QUEUED\r\n";

class StayStateTest : public ::testing::Test {
 protected:
  std::optional<std::size_t> run(Action action, std::string_view reply) {
    state_.on_sent(action, true);
    return state_.on_reply(action, reply);
  }
  StayState state_;
};

TEST_F(StayStateTest, WatchHoldsTheConnectionUntilUnwatchWasAnswered) {
  state_.on_sent(Action::watch, true);
  EXPECT_FALSE(state_.is_free());
  state_.on_reply(Action::watch, kOk);
  EXPECT_FALSE(state_.is_free());
  state_.on_sent(Action::unwatch, true);
  EXPECT_TRUE(state_.is_awaited());
  EXPECT_FALSE(state_.is_free());
  state_.on_reply(Action::unwatch, kOk);
  EXPECT_TRUE(state_.is_free());
  EXPECT_TRUE(state_.is_clean());
}

TEST_F(StayStateTest, WatchThatWasRefusedHoldsNothing) {
  run(Action::watch, "-NOPERM no\r\n");
  EXPECT_TRUE(state_.is_free());
}

TEST_F(StayStateTest, TransactionEndsWithExecsReplyOnly) {
  run(Action::watch, kOk);
  run(Action::multi, kOk);
  EXPECT_TRUE(state_.will_queue());
  EXPECT_EQ(run(Action::none, kQueued), 0U);
  EXPECT_EQ(run(Action::none, "-ERR wrong\r\n"), std::nullopt);
  EXPECT_EQ(run(Action::stand_in, kQueued), 1U);
  state_.on_sent(Action::exec, true);
  EXPECT_FALSE(state_.will_queue());
  EXPECT_TRUE(state_.is_awaited());
  state_.on_reply(Action::exec, "*2\r\n+OK\r\n+PONG\r\n");
  EXPECT_FALSE(state_.is_free());
  state_.on_exec_done();
  EXPECT_TRUE(state_.is_free());
}

TEST_F(StayStateTest, DiscardOutsideATransactionLeavesWatchedKeys) {
  run(Action::watch, kOk);
  run(Action::discard, "-ERR DISCARD without MULTI\r\n");
  EXPECT_FALSE(state_.is_free());
  run(Action::exec, "-ERR EXEC without MULTI\r\n");
  state_.on_exec_done();
  EXPECT_FALSE(state_.is_free());
  run(Action::multi, kOk);
  run(Action::discard, kOk);
  EXPECT_TRUE(state_.is_free());
}

TEST_F(StayStateTest, UnwatchThatIsQueuedEndsNothing) {
  run(Action::watch, kOk);
  run(Action::multi, kOk);
  EXPECT_EQ(run(Action::unwatch, kQueued), 0U);
  EXPECT_FALSE(state_.is_awaited());
  EXPECT_FALSE(state_.is_free());
}

TEST_F(StayStateTest, NestedMultiCountsNothingAnew) {
  run(Action::multi, kOk);
  EXPECT_EQ(run(Action::none, kQueued), 0U);
  run(Action::multi, "-ERR MULTI calls can not be nested\r\n");
  EXPECT_EQ(run(Action::none, kQueued), 1U);
  EXPECT_TRUE(state_.will_queue());
}

TEST_F(StayStateTest, DeniedCommandKeepsTheTransactionFromHappening) {
  state_.on_denied();  // Outside a transaction it means nothing.
  run(Action::multi, kOk);
  EXPECT_FALSE(state_.must_abort());
  state_.on_denied();
  EXPECT_TRUE(state_.must_abort());
  run(Action::discard, kOk);
  run(Action::multi, kOk);
  EXPECT_FALSE(state_.must_abort());
}

TEST_F(StayStateTest, WhatChangesTheConnectionMakesItUnfitForOthers) {
  for (const Action action : {Action::context, Action::tracking}) {
    StayState state;
    state.on_sent(action, true);
    EXPECT_TRUE(state.is_awaited());
    state.on_reply(action, kOk);
    EXPECT_FALSE(state.is_awaited());
    EXPECT_FALSE(state.is_clean());
  }
  state_.on_sent(Action::none, false);
  EXPECT_FALSE(state_.is_clean());
}

TEST_F(StayStateTest, LossLeavesWhatTheClientStillCountsOn) {
  EXPECT_EQ(StayState().on_lost(), StayState::Loss::nothing);
  run(Action::watch, kOk);
  EXPECT_EQ(StayState(state_).on_lost(), StayState::Loss::watch);
  run(Action::multi, kOk);
  EXPECT_EQ(StayState(state_).on_lost(), StayState::Loss::transaction);
  state_.on_sent(Action::exec, true);  // Says of itself that it is lost.
  EXPECT_EQ(StayState(state_).on_lost(), StayState::Loss::nothing);
}

TEST(ActionOf, IsFoundByNameAndArity) {
  EXPECT_EQ(action_of(Built({"MULTI"}).request), Action::multi);
  EXPECT_EQ(action_of(Built({"MULTI", "x"}).request), Action::none);
  EXPECT_EQ(action_of(Built({"WATCH", "k"}).request), Action::watch);
  EXPECT_EQ(action_of(Built({"HELLO", "3"}).request), Action::context);
  EXPECT_EQ(action_of(Built({"CLIENT", "TRACKING", "ON"}).request), Action::tracking);
  EXPECT_EQ(action_of(Built({"CLIENT", "GETNAME"}).request), Action::stand_in);
  EXPECT_EQ(action_of(Built({"PSUBSCRIBE", "a*"}).request), Action::stand_in);
  EXPECT_EQ(action_of(Built({"PUBLISH", "a", "b"}).request), Action::none);
  EXPECT_EQ(action_of(Built({"GET", "a"}).request), Action::none);
  EXPECT_EQ(action_of(Built({"NOSUCH"}).request), Action::none);
}

}  // namespace
}  // namespace hawser
