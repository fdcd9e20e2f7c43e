#include "proxy/runtime/loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace hawser {

namespace asio = boost::asio;

namespace {
constexpr auto kHeartbeat = std::chrono::seconds(1);
}

// Sockets are used by the data thread alone, so the reactor needs no locks; the queue of handlers
// keeps its lock, since the resolver's thread and other threads post to it.
Loop::Loop()
    : io_(std::make_unique<asio::io_context>(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO)),
      scratch_(new char[kScratchBytes]) {
  clock_.now = Clock::now();
  heartbeat_.store(clock_.now.time_since_epoch().count(), std::memory_order_relaxed);
}

Loop::~Loop() {
  // What is left on the loop holds sessions and lanes; they give their blocks back here.
  io_.reset();
}

void Loop::begin_turn() {
  in_turn_ = true;
  clock_.now = Clock::now();
  heartbeat_.store(clock_.now.time_since_epoch().count(), std::memory_order_relaxed);
  // Queued behind the events that this turn has already fetched.
  asio::post(*io_, [this] { end_turn(); });
}

void Loop::end_turn() {
  // A task may queue others (a lane that is written may fail clients): go on until none is left.
  while (!tasks_.empty()) {
    running_.swap(tasks_);
    for (TurnTask* task : running_) {
      if (task == nullptr) continue;
      task->queued_ = false;
      task->on_turn_end();
    }
    running_.clear();
  }
  in_turn_ = false;
}

void Loop::withdraw(TurnTask& task) {
  if (!task.queued_) return;
  task.queued_ = false;
  for (auto* list : {&tasks_, &running_}) {
    for (TurnTask*& entry : *list) {
      if (entry == &task) entry = nullptr;
    }
  }
  std::erase(tasks_, nullptr);
}

void Loop::run() {
  auto work = asio::make_work_guard(*io_);
  asio::steady_timer timer(*io_);
  beat_ = [this, &timer] {
    timer.expires_after(kHeartbeat);
    timer.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      enter_turn();
      beat_();
    });
  };
  beat_();
  io_->run();
}

void Loop::stop() {
  io_->stop();
}

void Loop::settle() {
  io_->restart();
  io_->poll();
}

void Loop::post(std::function<void()> work) {
  asio::post(*io_, [this, work = std::move(work)] {
    enter_turn();
    work();
  });
}

std::chrono::milliseconds Loop::heartbeat_age() const {
  const TimePoint beat(Duration(heartbeat_.load(std::memory_order_relaxed)));
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - beat);
}

}  // namespace hawser
