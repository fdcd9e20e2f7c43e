#pragma once

#include <functional>
#include <string>
#include <utility>

#include "proxy/traffic/slot_handle.hpp"

namespace hawser {

/// Stands in for a client's place while a request is handed to a handler that wants to open it
/// itself (Client::capture), so that the reply can be seen pass. The place that counts is given
/// when the request has been taken; an answer that came before is kept until then.
class LatePlace final : public ReplySink {
 public:
  void open(SlotHandle slot) {
    slot_ = std::move(slot);
    if (const auto early = std::exchange(early_, nullptr)) early(slot_);
  }

  void on_reply(std::uint32_t, Reply reply) override {
    if (slot_) {
      slot_.complete(reply);
    } else {
      early_ = [bytes = std::string(reply.bytes)](SlotHandle& slot) { slot.complete(bytes); };
    }
  }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    if (slot_) {
      slot_.fail(failure, number);
    } else {
      early_ = [failure, number](SlotHandle& slot) { slot.fail(failure, number); };
    }
  }
  void on_expiry(std::uint32_t, Failure failure, std::int64_t number) override {
    slot_.expire(failure, number);  // Settled with this place.
  }
  const ReplySink* origin() const override { return slot_.origin(); }

 private:
  SlotHandle slot_;
  std::function<void(SlotHandle& slot)> early_;
};

}  // namespace hawser
