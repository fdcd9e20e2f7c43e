#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/client.hpp"

namespace hawser {

/// The answer to a request that takes a while and has a deadline of its own. Its client's next
/// requests wait for it, and their time begins with it. Held by whoever works on the request; what
/// comes after the deadline, or for a client that left, is dropped.
class HeldAnswer {
 public:
  /// Opens the request's slot. At `deadline` the answer is a time-out of `given`.
  HeldAnswer(Client& client, const Request& request, Loop& loop, TimePoint deadline, Duration given)
      : client_(client.weak_from_this()),
        slot_(client.open_slot(request)),
        given_(given),
        timer_(loop, [this] {
          fail(Failure::timeout,
               std::chrono::duration_cast<std::chrono::milliseconds>(given_).count());
        }) {
    client.pause();
    timer_.set(deadline);
  }
  ~HeldAnswer() {
    if (slot_) fail(Failure::lost, 0);
  }
  HeldAnswer(const HeldAnswer&) = delete;
  HeldAnswer& operator=(const HeldAnswer&) = delete;

  bool is_answered() const { return !slot_; }
  void complete(std::string_view bytes) {
    if (!slot_) return;
    slot_.complete(bytes);
    release();
  }
  void fail(Failure failure, std::int64_t number) {
    if (!slot_) return;
    slot_.fail(failure, number);
    release();
  }
  std::shared_ptr<Client> client() const { return client_.lock(); }
  /// The slot, to be answered by what it is forwarded to; the client goes on.
  SlotHandle hand_over() {
    SlotHandle slot = std::move(slot_);
    release();
    return slot;
  }

 private:
  void release() {
    timer_.cancel();
    if (const auto client = client_.lock()) client->resume_anew();
  }

  std::weak_ptr<Client> client_;
  SlotHandle slot_;
  const Duration given_;
  Timer timer_;
};

}  // namespace hawser
