#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/client.hpp"

namespace hawser {

/// The answer to a request that takes a while and has a deadline of its own. Held by whoever works
/// on the request; what comes after the deadline, or for a client that left, is dropped.
class HeldAnswer {
 public:
  /// The client's next requests: whether they are sent meanwhile.
  enum class Next : std::uint8_t {
    waits,  ///< And their time begins with this answer.
    /// One of them may bring what this one waits for: an application with one connection has its
    /// own CACHE.SET behind its waiting CACHE.GET. So the answer is as of its own end, not of its
    /// place in the client's order: it may tell of what was asked behind it.
    goes_on,
  };
  /// Opens the request's slot. At `deadline` the answer is a time-out of `given`.
  HeldAnswer(Client& client, const Request& request, Loop& loop, TimePoint deadline, Duration given,
             Next next = Next::waits)
      : client_(client.weak_from_this()),
        slot_(client.open_slot(request)),
        given_(given),
        next_(next),
        timer_(loop, [this] {
          fail(Failure::timeout,
               std::chrono::duration_cast<std::chrono::milliseconds>(given_).count());
        }) {
    if (next_ == Next::waits) client.pause();
    timer_.set(deadline);
  }
  ~HeldAnswer() {
    if (slot_) fail(Failure::lost, 0);
  }
  HeldAnswer(const HeldAnswer&) = delete;
  HeldAnswer& operator=(const HeldAnswer&) = delete;

  void complete(Reply reply) {
    if (!slot_) return;
    slot_.complete(reply);
    release();
  }
  void complete(std::string_view bytes) { complete(Reply{bytes}); }
  void fail(Failure failure, std::int64_t number) {
    if (!slot_) return;
    slot_.fail(failure, number);
    release();
  }
  /// Whether there is somebody who could still do something with the answer.
  bool is_waited_for() const {
    const auto client = client_.lock();
    return slot_ && client != nullptr && !client->has_ended_input();
  }

 private:
  void release() {
    timer_.cancel();
    if (next_ == Next::goes_on) return;
    if (const auto client = client_.lock()) client->resume_anew();
  }

  std::weak_ptr<Client> client_;
  SlotHandle slot_;
  const Duration given_;
  const Next next_;
  Timer timer_;
};

}  // namespace hawser
