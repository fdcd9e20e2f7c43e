#include "proxy/cache/leases/lease_schedule.hpp"

#include <algorithm>

namespace hawser {

namespace {

constexpr Duration kEach = Duration(std::chrono::seconds(1)) / LeaseSchedule::kMostPerSecond;
/// So much is asked in one go, lest there be a turn of the loop for each.
constexpr Duration kBurst = std::chrono::milliseconds(5);
/// Before all others, and not counted: as often as keys are written.
constexpr TimePoint kAtOnce = TimePoint::min();

}  // namespace

void LeaseSchedule::add(Group group, TimePoint now) {
  const auto added = groups_.emplace(group, State{}).first;
  set_due(*added, now + kFirstInterval);
}

void LeaseSchedule::remove(Group group) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  due_.erase({found->second.due, group});
  groups_.erase(found);
}

void LeaseSchedule::wake(Group group) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  if (found->second.is_asking) {
    found->second.is_woken = true;
  } else {
    set_due(*found, kAtOnce);
  }
}

void LeaseSchedule::wake_all(TimePoint now) {
  ++wakes_;
  // Those that are due already stay in their order: what often happens costs little.
  while (!due_.empty() && due_.rbegin()->first > now) {
    set_due(*groups_.find(due_.rbegin()->second), now);
  }
}

std::optional<LeaseSchedule::Group> LeaseSchedule::take(TimePoint now) {
  if (due_.empty() || due_.begin()->first > now) return std::nullopt;
  const auto [due, group] = *due_.begin();
  if (due != kAtOnce) {
    if (paid_until_ > now) return std::nullopt;
    paid_until_ = std::max(paid_until_, now - kBurst) + kEach;
  }
  due_.erase(due_.begin());
  State& state = groups_.find(group)->second;
  state.is_asking = true;
  state.wakes = wakes_;
  return group;
}

void LeaseSchedule::on_outcome(Group group, TimePoint now) {
  const auto found = groups_.find(group);
  if (found == groups_.end() || !found->second.is_asking) return;
  State& state = found->second;
  state.is_asking = false;
  state.interval = std::min(state.interval * 2, kLongestInterval);
  if (std::exchange(state.is_woken, false)) {
    set_due(*found, kAtOnce);
  } else {
    set_due(*found, state.wakes != wakes_ ? now : now + state.interval);
  }
}

std::optional<TimePoint> LeaseSchedule::next() const {
  if (due_.empty()) return std::nullopt;
  const TimePoint due = due_.begin()->first;
  if (due == kAtOnce) return due;
  // What could not be paid is asked for a burst at a time.
  return due >= paid_until_ ? due : paid_until_ + kBurst;
}

void LeaseSchedule::set_due(Groups::value_type& group, TimePoint due) {
  due_.erase({group.second.due, group.first});
  group.second.due = due;
  due_.insert({due, group.first});
}

}  // namespace hawser
