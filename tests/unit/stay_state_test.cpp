#include "proxy/transactions/stay_state.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{100s};
constexpr Duration kPatience = 4s;
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

TEST_F(StayStateTest, MultiThatWasRefusedOpensNoTransaction) {
  state_.on_sent(Action::multi, true);
  state_.on_denied();
  state_.on_reply(Action::multi, "-NOPERM no\r\n");
  EXPECT_FALSE(state_.will_queue());
  EXPECT_FALSE(state_.must_abort());
  EXPECT_TRUE(state_.is_free());
}

TEST_F(StayStateTest, RefusedMultiWithExecBehindItLeavesWatchedKeys) {
  run(Action::watch, kOk);
  state_.on_sent(Action::multi, true);
  state_.on_sent(Action::exec, true);
  state_.on_reply(Action::multi, "-NOPERM no\r\n");
  EXPECT_TRUE(state_.is_awaited());
  state_.on_lost(kNow);
  EXPECT_TRUE(state_.is_watch_lost());
}

TEST_F(StayStateTest, DiscardThatWasRefusedLeavesTheTransactionOpen) {
  run(Action::multi, kOk);
  run(Action::discard, "-NOPERM no\r\n");
  EXPECT_TRUE(state_.will_queue());
  EXPECT_FALSE(state_.is_free());
}

TEST_F(StayStateTest, QueuedCommandsDoNotAnswerExec) {
  run(Action::multi, kOk);
  state_.on_sent(Action::context, true);
  state_.on_sent(Action::exec, true);
  state_.on_reply(Action::context, "-NOPERM no\r\n");
  EXPECT_TRUE(state_.is_awaited());
  state_.on_reply(Action::exec, "-EXECABORT\r\n");
  state_.on_exec_done();
  EXPECT_FALSE(state_.is_awaited());
}

TEST_F(StayStateTest, LossLeavesWhatTheClientStillCountsOn) {
  state_.on_lost(kNow);
  EXPECT_TRUE(state_.is_over());
  run(Action::watch, kOk);
  StayState watching(state_);
  watching.on_lost(kNow);
  EXPECT_TRUE(watching.is_free());
  EXPECT_TRUE(watching.is_watch_lost());
  EXPECT_FALSE(watching.is_refusing());
  EXPECT_FALSE(watching.is_over());
  run(Action::multi, kOk);
  StayState inside(state_);
  inside.on_lost(kNow);
  EXPECT_TRUE(inside.is_refusing());
  inside.on_loss_ended();
  EXPECT_TRUE(inside.is_over());
  state_.on_sent(Action::exec, true);  // Says of itself that it is lost.
  state_.on_lost(kNow);
  state_.on_failed(Action::exec, kNow);
  EXPECT_TRUE(state_.is_over());
}

TEST_F(StayStateTest, OnlyWhatEndsTheWatchEndsItByBeingLost) {
  const auto lost_behind = [](Action action) {
    StayState state;
    state.on_sent(Action::watch, true);
    state.on_reply(Action::watch, kOk);
    state.on_sent(action, true);
    StayState lane_first(state);
    lane_first.on_lost(kNow);
    lane_first.on_failed(action, kNow);
    state.on_failed(action, kNow);
    state.on_lost(kNow);
    EXPECT_EQ(state.is_watch_lost(), lane_first.is_watch_lost());
    EXPECT_TRUE(state.is_free());
    return state.is_watch_lost();
  };
  EXPECT_FALSE(lost_behind(Action::unwatch));
  EXPECT_TRUE(lost_behind(Action::context));
  EXPECT_TRUE(lost_behind(Action::tracking));
  EXPECT_TRUE(lost_behind(Action::exec));  // Without MULTI.
  EXPECT_TRUE(lost_behind(Action::discard));
  EXPECT_TRUE(lost_behind(Action::watch));
  EXPECT_TRUE(lost_behind(Action::none));
}

TEST_F(StayStateTest, WatchThatFailedIsALostOne) {
  state_.on_sent(Action::watch, true);
  StayState unsent(state_);
  unsent.on_not_sent(Action::watch, kNow);
  EXPECT_TRUE(unsent.is_watch_lost());
  EXPECT_TRUE(unsent.is_free());
  state_.on_failed(Action::watch, kNow);
  state_.on_lost(kNow);
  EXPECT_TRUE(state_.is_watch_lost());
}

TEST_F(StayStateTest, WatchThatFailedWithItsTransactionBehindItIsNotHeldAgainstTheNext) {
  state_.on_sent(Action::watch, true);
  state_.on_sent(Action::multi, true);
  state_.on_sent(Action::exec, true);
  state_.on_failed(Action::watch, kNow);
  state_.on_lost(kNow);
  state_.on_failed(Action::multi, kNow);
  state_.on_failed(Action::exec, kNow);
  EXPECT_TRUE(state_.is_over());
}

TEST_F(StayStateTest, LostWatchOutlivesOtherCommandsOnTheNextConnection) {
  run(Action::watch, kOk);
  state_.on_lost(kNow);
  state_.on_let_go();
  run(Action::none, "*-1\r\n");
  EXPECT_TRUE(state_.is_free());
  EXPECT_TRUE(state_.is_clean());
  state_.on_sent(Action::tracking, true);
  state_.on_not_sent(Action::tracking, kNow);
  EXPECT_TRUE(state_.is_free());
  EXPECT_TRUE(state_.is_watch_lost());
  EXPECT_FALSE(state_.forget_told(Action::none, kNow + 1h, true, kPatience));
  EXPECT_TRUE(state_.is_watch_lost());
}

TEST_F(StayStateTest, LostTransactionIsRefusedToItsEndWheneverThatComes) {
  run(Action::multi, kOk);
  state_.on_lost(kNow);
  for (const Action action : {Action::none, Action::multi, Action::unwatch}) {
    EXPECT_FALSE(state_.forget_told(action, kNow + 1h, true, kPatience));
  }
  EXPECT_TRUE(state_.is_refusing());
}

TEST_F(StayStateTest, RefusedMultiIsForgottenOnceTheClientKnowsOfIt) {
  state_.on_sent(Action::multi, true);
  state_.on_not_sent(Action::multi, kNow);
  EXPECT_TRUE(state_.is_refusing());
  EXPECT_FALSE(state_.will_queue());
  const auto forgets = [this](Action action, TimePoint arrived, bool is_alone) {
    StayState state(state_);
    const bool forgotten = state.forget_told(action, arrived, is_alone, kPatience);
    EXPECT_EQ(forgotten, state.is_over());
    return forgotten;
  };
  EXPECT_FALSE(forgets(Action::multi, kNow, true));  // Had come before.
  EXPECT_TRUE(forgets(Action::multi, kNow + 1ms, false));
  EXPECT_FALSE(forgets(Action::none, kNow + kPatience, true));
  EXPECT_FALSE(forgets(Action::none, kNow + kPatience + 1ms, false));
  EXPECT_TRUE(forgets(Action::none, kNow + kPatience + 1ms, true));
}

TEST_F(StayStateTest, MultiLostOnItsWayIsARefusedOne) {
  state_.on_sent(Action::multi, true);
  state_.on_failed(Action::multi, kNow);
  state_.on_lost(kNow);
  EXPECT_TRUE(state_.is_refusing());
  EXPECT_TRUE(state_.forget_told(Action::none, kNow + 5s, true, kPatience));
  EXPECT_TRUE(state_.is_over());
}

TEST_F(StayStateTest, FailedWatchIsForgottenOnceTheClientKnowsOfIt) {
  state_.on_sent(Action::watch, true);
  state_.on_not_sent(Action::watch, kNow);
  EXPECT_FALSE(state_.forget_told(Action::watch, kNow + 1s, true, kPatience));
  EXPECT_FALSE(state_.forget_told(Action::multi, kNow + 1s, true, kPatience));
  state_.on_multi_refused(kNow + 1s);
  // Another MULTI begins anew, but as unguarded as the last one.
  EXPECT_TRUE(state_.forget_told(Action::multi, kNow + 2s, true, kPatience));
  EXPECT_FALSE(state_.is_refusing());
  EXPECT_TRUE(state_.is_watch_lost());
  EXPECT_TRUE(state_.forget_told(Action::none, kNow + 5s, true, kPatience));
  EXPECT_TRUE(state_.is_over());
}

TEST_F(StayStateTest, ErrorOfAnotherWatchDoesNotTellOfALostOne) {
  run(Action::watch, kOk);
  state_.on_lost(kNow);
  state_.on_sent(Action::watch, true);
  state_.on_not_sent(Action::watch, kNow);
  EXPECT_FALSE(state_.forget_told(Action::none, kNow + 1h, true, kPatience));
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
  EXPECT_EQ(action_of(Built({"CACHE.SET", "a", "b"}).request), Action::stand_in);
  EXPECT_EQ(action_of(Built({"CACHE.SET", "a"}).request), Action::stand_in);
  EXPECT_EQ(action_of(Built({"CLIENT"}).request), Action::none);
}

TEST(IsNeverQueued, IsOfHawsersOwnCommandsOnly) {
  EXPECT_TRUE(is_never_queued(Built({"CACHE.SET", "a", "b"}).request));
  EXPECT_FALSE(is_never_queued(Built({"PROXY", "HELP"}).request));
  EXPECT_FALSE(is_never_queued(Built({"SYNC"}).request));
  EXPECT_FALSE(is_never_queued(Built({"NOSUCH"}).request));
}

TEST(ActionOf, UnknownSubcommandIsLeftToRedis) {
  Built built({"CLIENT", "NOSUCH"});
  built.request.command = protocol::find_command("CLIENT");  // As the dispatcher leaves it.
  EXPECT_EQ(action_of(built.request), Action::none);
}

}  // namespace
}  // namespace hawser
