#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/runtime/block.hpp"
#include "proxy/runtime/clock.hpp"

namespace boost::asio {
class io_context;
}

namespace hawser {

/// Something that wants to act once, after all events of the present turn were handled: a lane or
/// a client that has bytes to write.
class TurnTask {
 public:
  virtual void on_turn_end() = 0;

 protected:
  virtual ~TurnTask() = default;

 private:
  friend class Loop;
  bool queued_ = false;
};

/// The data thread's event loop: an io_context, the time of the turn, shared scratch memory and the
/// block pool. A turn is what one look at the sockets brought; everything it produced is written at
/// its end, once per lane and once per client. Used on its own thread, but for stop() and post().
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  boost::asio::io_context& io() { return *io_; }
  BlockPool& blocks() { return blocks_; }
  const TurnClock& clock() const { return clock_; }
  TimePoint now() const { return clock_.now; }

  /// Memory that any event handler may read into; what is not consumed when it returns is lost.
  char* scratch() { return scratch_.get(); }
  static constexpr std::size_t kScratchBytes = std::size_t{256} << 10;

  /// Whoever brings an event from outside calls this first: it reads the clock once per turn and
  /// arranges the turn's end.
  void enter_turn() {
    if (!in_turn_) begin_turn();
  }
  /// Has `task` called at the end of this turn (once, however often asked for). It must still live
  /// then, or have been withdrawn.
  void at_turn_end(TurnTask& task) {
    if (task.queued_) return;
    task.queued_ = true;
    tasks_.push_back(&task);
  }
  void withdraw(TurnTask& task);

  /// Runs until stop().
  void run();
  void stop();
  /// After stop() and after everything was closed: lets what is queued end, so that nothing it
  /// keeps alive outlives the loop's users.
  void settle();
  /// Runs `work` on the data thread; from any thread.
  void post(std::function<void()> work);

  /// Last time a turn began, for liveness; from any thread.
  std::chrono::milliseconds heartbeat_age() const;

 private:
  void begin_turn();
  void end_turn();

  std::unique_ptr<boost::asio::io_context> io_;
  BlockPool blocks_;
  TurnClock clock_;
  bool in_turn_ = false;
  std::vector<TurnTask*> tasks_;
  std::vector<TurnTask*> running_;
  std::unique_ptr<char[]> scratch_;
  std::atomic<Clock::rep> heartbeat_{0};
  std::function<void()> beat_;
};

}  // namespace hawser
