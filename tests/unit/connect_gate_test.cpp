#include "proxy/upstream/connect_gate.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;
using Level = ConnectGate::Level;

class ConnectGateTest : public ::testing::Test {
 protected:
  ConnectGateTest() {
    settings_.reconnect.backoff_min = 20ms;
    settings_.reconnect.backoff_max = 20ms;
    health_.watch([this] { ++opened_; });
  }
  /// Lets the loop run for a while.
  void run(Duration time) {
    Timer end(loop_, [this] { loop_.stop(); });
    end.set(Clock::now() + time);
    loop_.run();
  }

  config::Settings settings_;
  Loop loop_;
  Health health_{settings_};
  ConnectGate gate_{loop_, health_, settings_};
  int first_ = 0;
  int second_ = 0;
  int opened_ = 0;
};

TEST_F(ConnectGateTest, EverybodyGoesAtOnceWhileTheUpstreamCanBeReached) {
  ConnectGate::Seeker first(gate_, false, [this] { ++first_; });
  ConnectGate::Seeker second(gate_, false, [this] { ++second_; });
  first.want();
  second.want();
  EXPECT_EQ(first_, 1);
  EXPECT_EQ(second_, 1);
}

TEST_F(ConnectGateTest, AfterAFailureOneGoesAtATimeAndNotAtOnce) {
  ConnectGate::Seeker first(gate_, false, [this] { ++first_; });
  ConnectGate::Seeker second(gate_, false, [this] { ++second_; });
  first.want();
  first.failed();
  first.want();
  second.want();
  EXPECT_EQ(first_, 1);
  EXPECT_EQ(second_, 0);
  run(60ms);
  EXPECT_EQ(first_, 2);
  EXPECT_EQ(second_, 0);
  first.succeeded();
  EXPECT_EQ(second_, 1);
}

TEST_F(ConnectGateTest, ThreeFailuresOpenTheCircuit) {
  ConnectGate::Seeker first(gate_, false, [this] { ++first_; });
  first.want();
  int failed = 0;
  Timer tick(loop_, [&] {
    if (failed < first_ && opened_ == 0) {
      ++failed;
      first.failed();
      first.want();
    }
    tick.set(Clock::now() + 2ms);
  });
  tick.set(Clock::now());
  run(200ms);
  EXPECT_EQ(failed, 3);
  EXPECT_EQ(opened_, 1);
}

TEST_F(ConnectGateTest, WhileTheCircuitIsNotClosedOnlyRestorersGo) {
  ConnectGate::Seeker ordinary(gate_, false, [this] { ++first_; });
  ConnectGate::Seeker restorer(gate_, true, [this] { ++second_; });
  gate_.set_level(Level::nobody);
  ordinary.want();
  restorer.want();
  run(60ms);
  EXPECT_EQ(first_ + second_, 0);
  gate_.set_level(Level::restorers);
  EXPECT_EQ(first_, 0);
  EXPECT_EQ(second_, 1);
  gate_.set_level(Level::everybody);
  EXPECT_EQ(first_, 1);
}

TEST_F(ConnectGateTest, AServerThatClosesWhatItAcceptsIsNotAskedInALoop) {
  ConnectGate::Seeker first(gate_, false, [this] { ++first_; });
  first.want();
  first.succeeded();
  first.lost();
  first.want();
  EXPECT_EQ(first_, 1);
  run(60ms);
  EXPECT_EQ(first_, 2);
}

TEST_F(ConnectGateTest, ThePauseAfterALossIsNotEndedByAnothersSuccess) {
  ConnectGate::Seeker first(gate_, false, [this] { ++first_; });
  ConnectGate::Seeker other(gate_, false, [this] { ++second_; });
  first.want();
  other.want();
  first.succeeded();
  first.lost();
  other.succeeded();
  first.want();
  EXPECT_EQ(first_, 1);
}

TEST_F(ConnectGateTest, WhoGaveUpOrIsGoneHoldsUpNobody) {
  ConnectGate::Seeker other(gate_, false, [this] { ++second_; });
  {
    ConnectGate::Seeker first(gate_, false, [this] { ++first_; });
    first.want();
    first.failed();
    first.want();
    run(60ms);
    ASSERT_EQ(first_, 2);
    other.want();
    EXPECT_EQ(second_, 0);
  }
  EXPECT_EQ(second_, 1);
}

}  // namespace
}  // namespace hawser
