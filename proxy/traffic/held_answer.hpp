#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/client.hpp"

namespace hawser {

/// The answer to a request that takes a while. Held by whoever works on the request; what comes
/// after its deadline, or for a client that left, is dropped.
class HeldAnswer {
 public:
  /// The client's next requests: whether they are sent meanwhile.
  enum class Next : std::uint8_t {
    waits,  ///< And their time begins with this answer. (Those behind EXEC wait for that anyway.)
    /// One of them may bring what this one waits for: an application with one connection has its
    /// own CACHE.SET behind its waiting CACHE.GET. So the answer is as of its own end, not of its
    /// place in the client's order: it may tell of what was asked behind it.
    goes_on,
  };
  /// Opens the request's slot. Whoever holds this sees to its deadline.
  HeldAnswer(Client& client, const Request& request, Loop& loop, Next next = Next::waits)
      : client_(client.weak_from_this()),
        slot_(client.open_slot(request)),
        pauses_(next == Next::waits && !client.is_captured()),
        timer_(loop, [this] { time_out(given_); }) {
    if (pauses_) client.pause();
  }
  /// At `deadline` the answer is a time-out of `given`.
  HeldAnswer(Client& client, const Request& request, Loop& loop, TimePoint deadline, Duration given,
             Next next = Next::waits)
      : HeldAnswer(client, request, loop, next) {
    given_ = given;
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
  void fail(Failure failure, std::int64_t number = 0) {
    if (!slot_) return;
    slot_.fail(failure, number);
    release();
  }
  /// It may have been done, or not, within `given`.
  void time_out(Duration given) {
    fail(Failure::timeout, std::chrono::duration_cast<std::chrono::milliseconds>(given).count());
  }
  /// nullptr: it has left.
  std::shared_ptr<Client> client() const { return client_.lock(); }
  /// Whether there is somebody who could still do something with the answer.
  bool is_waited_for() const {
    const auto client = client_.lock();
    return slot_ && client != nullptr && !client->has_ended_input();
  }

 private:
  void release() {
    timer_.cancel();
    if (!pauses_) return;
    if (const auto client = client_.lock()) client->resume_anew();
  }

  std::weak_ptr<Client> client_;
  SlotHandle slot_;
  const bool pauses_;
  Duration given_{};
  Timer timer_;
};

}  // namespace hawser
