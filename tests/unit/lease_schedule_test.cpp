#include "proxy/cache/leases/lease_schedule.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace hawser {
namespace {

using std::chrono::milliseconds;

class LeaseScheduleTest : public testing::Test {
 protected:
  using Group = LeaseSchedule::Group;

  TimePoint at(int ms) const { return start_ + milliseconds(ms); }
  /// What is asked at that time, with its answer at once.
  std::vector<Group> asked(int ms) {
    std::vector<Group> groups;
    while (const auto group = schedule_.take(at(ms))) groups.push_back(*group);
    for (const Group group : groups) schedule_.on_outcome(group, at(ms));
    return groups;
  }

  const TimePoint start_{std::chrono::seconds(1000)};
  LeaseSchedule schedule_;
};

TEST_F(LeaseScheduleTest, IntervalsDoubleUpToTheLongest) {
  schedule_.add(1, at(0));
  std::vector<int> times;
  for (int ms = 0; ms < 500; ++ms) {
    if (!asked(ms).empty()) times.push_back(ms);
  }
  EXPECT_EQ(times, (std::vector{5, 15, 35, 75, 155, 255, 355, 455}));
}

TEST_F(LeaseScheduleTest, NextSaysWhenThereIsSomething) {
  EXPECT_EQ(schedule_.next(), std::nullopt);
  schedule_.add(1, at(0));
  EXPECT_EQ(schedule_.next(), at(5));
  EXPECT_EQ(schedule_.take(at(5)), Group{1});
  EXPECT_EQ(schedule_.next(), std::nullopt);
  schedule_.on_outcome(1, at(8));
  EXPECT_EQ(schedule_.next(), at(18));
  schedule_.remove(1);
  EXPECT_EQ(schedule_.next(), std::nullopt);
}

TEST_F(LeaseScheduleTest, ManyGroupsShareWhatMayBeAskedAndComeInTurn) {
  for (Group group = 0; group < 4000; ++group) schedule_.add(group, at(0));
  std::map<Group, int> count;
  std::size_t most = 0;
  int ms = 0;
  while (ms < 10'000) {
    const auto groups = asked(ms);
    for (const Group group : groups) ++count[group];
    most = std::max(most, groups.size());
    const auto next = *schedule_.next();
    ASSERT_GT(next, at(ms));
    ms = static_cast<int>((next - start_ + milliseconds(1) - Duration(1)) / milliseconds(1));
  }
  EXPECT_LE(most, 12U);
  ASSERT_EQ(count.size(), 4000U);
  for (const auto& [group, times] : count) {
    EXPECT_GE(times, 3) << group;
    EXPECT_LE(times, 5) << group;
  }
}

TEST_F(LeaseScheduleTest, AWokenGroupIsNextThoughAllHasBeenAsked) {
  for (Group group = 0; group < 100; ++group) schedule_.add(group, at(0));
  EXPECT_LT(asked(10).size(), 20U);
  schedule_.wake(99);
  EXPECT_LE(*schedule_.next(), at(10));
  EXPECT_EQ(asked(10), std::vector<Group>{99});
}

TEST_F(LeaseScheduleTest, WokenWhileItIsAskedForItIsAskedForAgainAtOnce) {
  schedule_.add(1, at(0));
  EXPECT_EQ(schedule_.take(at(5)), Group{1});
  schedule_.wake(1);
  EXPECT_EQ(schedule_.take(at(6)), std::nullopt);
  schedule_.on_outcome(1, at(7));
  EXPECT_EQ(schedule_.take(at(7)), Group{1});
  schedule_.on_outcome(1, at(8));
  EXPECT_EQ(schedule_.take(at(8)), std::nullopt);
}

TEST_F(LeaseScheduleTest, WhenAllAreWokenAlsoThoseBeingAskedForAreDueAgain) {
  for (Group group = 1; group <= 3; ++group) schedule_.add(group, at(0));
  EXPECT_EQ(schedule_.take(at(5)), Group{1});
  schedule_.wake_all(at(6));
  EXPECT_EQ(asked(6), (std::vector<Group>{2, 3}));
  schedule_.on_outcome(1, at(7));
  EXPECT_EQ(asked(7), std::vector<Group>{1});
  EXPECT_TRUE(asked(8).empty());
}

TEST_F(LeaseScheduleTest, WakingAllDoesNotLiftTheLimit) {
  for (Group group = 0; group < 2000; ++group) schedule_.add(group, at(0));
  std::size_t count = 0;
  for (int ms = 1; ms <= 1000; ++ms) {
    schedule_.wake_all(at(ms));
    count += asked(ms).size();
  }
  EXPECT_LE(count, 2020U);
}

TEST_F(LeaseScheduleTest, AnAnswerForAGroupThatIsGoneIsNothing) {
  schedule_.add(1, at(0));
  EXPECT_EQ(schedule_.take(at(5)), Group{1});
  schedule_.remove(1);
  schedule_.on_outcome(1, at(6));
  schedule_.wake(1);
  EXPECT_EQ(schedule_.next(), std::nullopt);
}

}  // namespace
}  // namespace hawser
