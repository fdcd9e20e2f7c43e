#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "proxy/runtime/clock.hpp"

namespace hawser {

/// When Redis is asked for what groups of callers wait for: each at intervals that grow, all of
/// them together no more often than Redis, and those who want something else of it, can well bear.
/// Above that the oldest debt comes first, so that the intervals stretch for all alike. Pure.
class LeaseSchedule {
 public:
  using Group = std::uint64_t;

  static constexpr Duration kFirstInterval = std::chrono::milliseconds(5);
  static constexpr Duration kLongestInterval = std::chrono::milliseconds(100);
  static constexpr int kMostPerSecond = 2000;

  /// A new group, that has just been asked for.
  void add(Group group, TimePoint now);
  void remove(Group group);
  /// There is news for the group: it is next, whatever has been asked already.
  void wake(Group group);
  /// There may be news for any group: all of them are due.
  void wake_all(TimePoint now);

  /// A group to ask for now; nothing: there is none. It is not due again before on_outcome().
  std::optional<Group> take(TimePoint now);
  /// What was asked has an answer, or failed.
  void on_outcome(Group group, TimePoint now);
  /// When take() may have something; nothing: not before something else happens.
  std::optional<TimePoint> next() const;

 private:
  struct State {
    TimePoint due{};
    Duration interval = kFirstInterval;
    std::uint64_t wakes = 0;  ///< Of all, before it was asked for.
    bool is_asking = false;
    bool is_woken = false;  ///< By itself, while it is being asked for.
  };
  using Groups = std::unordered_map<Group, State>;

  void set_due(Groups::value_type& group, TimePoint due);

  Groups groups_;
  std::set<std::pair<TimePoint, Group>> due_;  ///< Those that are not being asked for.
  TimePoint paid_until_{};   ///< What has been asked so far would fill the time until then.
  std::uint64_t wakes_ = 0;  ///< Of all.
};

}  // namespace hawser
