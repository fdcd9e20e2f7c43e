#include "proxy/runtime/timer.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "proxy/runtime/loop.hpp"

namespace hawser {

struct Timer::State : std::enable_shared_from_this<State> {
  State(Loop& owner_loop, std::function<void()> what)
      : loop(owner_loop), timer(owner_loop.io()), action(std::move(what)) {}

  void set(TimePoint when) {
    const std::uint64_t mine = ++generation;
    due = when;
    armed = true;
    timer.expires_at(when);
    timer.async_wait([self = shared_from_this(), mine](const boost::system::error_code& error) {
      if (error || mine != self->generation || !self->armed) return;
      self->armed = false;
      self->loop.enter_turn();
      self->action();
    });
  }

  void cancel() {
    ++generation;
    if (!armed) return;
    armed = false;
    timer.cancel();
  }

  Loop& loop;
  boost::asio::steady_timer timer;
  std::function<void()> action;
  TimePoint due{};
  std::uint64_t generation = 0;
  bool armed = false;
};

Timer::Timer(Loop& loop, std::function<void()> action)
    : state_(std::make_shared<State>(loop, std::move(action))) {}

Timer::~Timer() {
  state_->cancel();
}

void Timer::set(TimePoint when) {
  state_->set(when);
}

void Timer::set_no_later_than(TimePoint when) {
  if (!state_->armed || when < state_->due) state_->set(when);
}

void Timer::cancel() {
  state_->cancel();
}

bool Timer::is_set() const {
  return state_->armed;
}

}  // namespace hawser
