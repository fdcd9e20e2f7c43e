#include "proxy/resilience/breaker.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;
using Reason = Breaker::Reason;

constexpr Breaker::Limits kLimits{.samples = 20,
                                  .failure_percent = 50,
                                  .connect_failures = 3,
                                  .time_outs = 5,
                                  .probe_interval = 500ms,
                                  .hold_min = 1s,
                                  .hold_max = 30s,
                                  .flap = 10s};

class BreakerTest : public ::testing::Test {
 protected:
  void successes(std::uint64_t n) { breaker_.on_successes(n, breaker_.generation(), now_); }
  bool failure() { return breaker_.on_failure(breaker_.generation(), now_); }
  bool time_out() { return breaker_.on_time_out(breaker_.generation(), now_); }
  void open() {
    for (int i = 0; i < 3; ++i) breaker_.on_connect_failure(now_);
    ASSERT_EQ(breaker_.state(), State::open);
  }
  void round(bool good) { breaker_.end_round(breaker_.begin_round(now_), good, now_); }
  void close() {
    round(true);
    round(true);
    ASSERT_TRUE(breaker_.may_close(now_));
    breaker_.close(now_);
  }

  Breaker breaker_{kLimits};
  TimePoint now_ = TimePoint(1000s);
};

TEST_F(BreakerTest, HalfOfTwentySamplesFailingOpensIt) {
  successes(10);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(failure());
  EXPECT_TRUE(breaker_.allows());
  EXPECT_TRUE(failure());
  EXPECT_FALSE(breaker_.allows());
  EXPECT_EQ(breaker_.reason(), Reason::failure_rate);
}

TEST_F(BreakerTest, FewerThanTwentySamplesTellNothing) {
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(failure());
  EXPECT_TRUE(failure());
}

TEST_F(BreakerTest, LessThanHalfFailingKeepsItClosed) {
  successes(1000);
  for (int i = 0; i < 999; ++i) ASSERT_FALSE(failure());
  EXPECT_TRUE(failure());
}

TEST_F(BreakerTest, SamplesOlderThanTenSecondsAreForgotten) {
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(failure());
  now_ += 10s;
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(failure());
  now_ += 9s;
  EXPECT_TRUE(failure());
}

TEST_F(BreakerTest, ABucketIsUsedAgainForANewSecond) {
  successes(1000);
  now_ += 10s;  // The same place in the ring.
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(failure());
  EXPECT_TRUE(failure());
}

TEST_F(BreakerTest, ThreeConnectFailuresInARowOpenIt) {
  EXPECT_FALSE(breaker_.on_connect_failure(now_));
  EXPECT_FALSE(breaker_.on_connect_failure(now_));
  breaker_.on_connected();
  EXPECT_FALSE(breaker_.on_connect_failure(now_));
  EXPECT_FALSE(breaker_.on_connect_failure(now_));
  EXPECT_TRUE(breaker_.on_connect_failure(now_));
  EXPECT_EQ(breaker_.reason(), Reason::connect_failures);
}

TEST_F(BreakerTest, FiveTimeOutsWithNoSuccessBetweenOpenIt) {
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(time_out());
  successes(1);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(time_out());
  EXPECT_TRUE(time_out());
  EXPECT_EQ(breaker_.reason(), Reason::time_outs);
}

TEST_F(BreakerTest, SamplesOfRequestsFromBeforeATransitionAreIgnored) {
  const auto before = breaker_.generation();
  open();
  close();
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(breaker_.on_failure(before, now_));
    EXPECT_FALSE(breaker_.on_time_out(before, now_));
  }
  breaker_.on_successes(1000, before, now_);
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(failure());
  EXPECT_TRUE(failure());
}

TEST_F(BreakerTest, FailuresBeforeAnOpeningDoNotCountAfterIt) {
  for (int i = 0; i < 15; ++i) failure();
  open();
  close();
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(failure());
  EXPECT_TRUE(failure());
}

TEST_F(BreakerTest, TheFirstRoundBeginsAtOnceTheNextHalfASecondLater) {
  EXPECT_FALSE(breaker_.next_round());
  open();
  EXPECT_EQ(breaker_.next_round(), now_);
  const auto began = now_;
  round(false);
  EXPECT_EQ(breaker_.next_round(), began + 500ms);
  EXPECT_EQ(breaker_.state(), State::open);
}

TEST_F(BreakerTest, TwoGoodRoundsFiftyMillisecondsApartLetItClose) {
  open();
  round(true);
  EXPECT_EQ(breaker_.state(), State::half_open);
  EXPECT_FALSE(breaker_.allows());
  EXPECT_FALSE(breaker_.may_close(now_));
  EXPECT_EQ(breaker_.next_round(), now_ + 50ms);
  round(true);
  EXPECT_TRUE(breaker_.may_close(now_));
  EXPECT_FALSE(breaker_.allows());
  breaker_.close(now_);
  EXPECT_TRUE(breaker_.allows());
  EXPECT_FALSE(breaker_.next_round());
}

TEST_F(BreakerTest, ABadRoundBetweenBeginsAnew) {
  open();
  round(true);
  round(false);
  EXPECT_EQ(breaker_.state(), State::open);
  EXPECT_EQ(breaker_.reason(), Reason::bad_round);
  round(true);
  EXPECT_FALSE(breaker_.may_close(now_));
}

TEST_F(BreakerTest, ABadRoundThatBeganBeforeAGoodOneSaysNothing) {
  open();
  const auto old = breaker_.begin_round(now_);
  now_ += 500ms;
  round(true);
  breaker_.end_round(old, false, now_);
  EXPECT_EQ(breaker_.state(), State::half_open);
  round(true);
  EXPECT_TRUE(breaker_.may_close(now_));
}

TEST_F(BreakerTest, ARoundFromBeforeTheOpeningSaysNothing) {
  open();
  const auto old = breaker_.begin_round(now_);
  close();
  open();
  breaker_.end_round(old, true, now_);
  EXPECT_EQ(breaker_.state(), State::open);
}

TEST_F(BreakerTest, ACircuitThatFlapsStaysOpenLongerEachTime) {
  open();
  close();
  for (const auto hold : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    now_ += 5s;
    open();
    round(true);
    round(true);
    EXPECT_FALSE(breaker_.may_close(now_ + hold - 1ms));
    EXPECT_TRUE(breaker_.may_close(now_ + hold)) << hold.count();
    now_ += hold;
    breaker_.close(now_);
  }
  now_ += 11s;  // It was well for long enough.
  open();
  round(true);
  round(true);
  EXPECT_TRUE(breaker_.may_close(now_));
}

TEST_F(BreakerTest, TheOperatorHoldsItOpenWhateverRoundsSay) {
  breaker_.set_mode(Breaker::Mode::held_open, now_);
  EXPECT_EQ(breaker_.state(), State::open);
  EXPECT_EQ(breaker_.reason(), Reason::operator_);
  EXPECT_FALSE(breaker_.next_round());
  breaker_.set_mode(Breaker::Mode::automatic, now_);
  EXPECT_EQ(breaker_.next_round(), now_);
  close();
  EXPECT_TRUE(breaker_.allows());
}

TEST_F(BreakerTest, TheOperatorHoldsItClosedWhateverFails) {
  open();
  breaker_.set_mode(Breaker::Mode::held_closed, now_);
  EXPECT_TRUE(breaker_.allows());
  for (int i = 0; i < 100; ++i) breaker_.on_connect_failure(now_);
  EXPECT_TRUE(breaker_.allows());
  breaker_.set_mode(Breaker::Mode::automatic, now_);
  EXPECT_TRUE(breaker_.on_connect_failure(now_));
}

}  // namespace
}  // namespace hawser
