#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/traffic/slot_handle.hpp"
#include "proxy/upstream/effect.hpp"
#include "proxy/upstream/upstream_stats.hpp"

namespace hawser {

/// A request, or a block of them, that waits to be sent, for the first time or again. At the end of
/// its life whoever still waits for an answer is told why there was none.
struct PendingRequest {
  PendingRequest() = default;
  PendingRequest(PendingRequest&&) = default;
  PendingRequest& operator=(PendingRequest&&) = default;
  ~PendingRequest() { refuse(); }

  /// Answers it without its having been sent (again).
  void refuse() {
    for (SlotHandle& slot : slots) {
      if (!slot) continue;
      if (error.empty()) {
        slot.fail(failure, failure_number);
      } else {
        slot.complete(error);
      }
    }
    slots.clear();
  }

  Effect effect() const { return effect_of(command); }

  std::string bytes;
  std::vector<SlotHandle> slots;  ///< One, or those of a block.
  TimePoint deadline{};
  TimePoint submitted{};
  CommandClass command_class = CommandClass::write;
  const protocol::Command* command = nullptr;  ///< Its row; nullptr: never to be sent again.
  std::uint8_t attempts = 0;                   ///< How often it was sent before.
  std::uint64_t server = 0;                    ///< See Request.
  Failure failure = Failure::down;  ///< What it is answered if it is not sent any more ...
  std::int64_t failure_number = 0;  ///< ... with the number in its text ...
  bool is_free = false;             ///< Its next attempt is no retry: nothing was wrong with Redis.
  bool needs_body = false;          ///< It is a client's EVALSHA, to be sent again as EVAL.
  std::string error;                ///< ... unless Redis had rejected it: with these words.
};

}  // namespace hawser
