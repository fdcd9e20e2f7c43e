#pragma once

#include <functional>
#include <memory>

#include "proxy/runtime/clock.hpp"

namespace hawser {

class Loop;

/// Calls a function on the loop at a time, once for each set(). Setting or cancelling it, or ending
/// its life, takes back a call that has not been made.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> action);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void set(TimePoint when);
  /// Sets it unless it is set for the same time or an earlier one.
  void set_no_later_than(TimePoint when);
  void cancel();
  bool is_set() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace hawser
