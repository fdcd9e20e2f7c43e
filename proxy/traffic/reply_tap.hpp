#pragma once

#include <utility>

#include "proxy/traffic/slot_handle.hpp"

namespace hawser {

/// Passes on to a slot whatever comes for it, as part of its client's order. For those who want to
/// see, or change, one of these on the way, and need it whole.
class ReplyTap : public ReplySink {
 public:
  explicit ReplyTap(SlotHandle slot) : slot_(std::move(slot)) {}

  void on_reply(std::uint32_t, Reply reply) override { slot_.complete(reply); }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    slot_.fail(failure, number);
  }
  void on_expiry(std::uint32_t, Failure failure, std::int64_t number) override {
    slot_.expire(failure, number);  // Settled with this tap.
  }
  const ReplySink* origin() const override { return slot_.origin(); }
  void on_held() override { slot_.hold(); }

 protected:
  SlotHandle& slot() { return slot_; }
  const SlotHandle& slot() const { return slot_; }

 private:
  SlotHandle slot_;
};

}  // namespace hawser
