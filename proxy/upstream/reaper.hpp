#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "proxy/resilience/backoff.hpp"
#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/slot_handle.hpp"
#include "proxy/upstream/control.hpp"

namespace hawser {

/// Has Redis drop connections that ended with requests unanswered: what it has not read of them yet
/// would otherwise run after newer requests, or pop an element for nobody. Their requests are
/// settled once it said so; until then it is asked again and again. Owned by Upstream.
class Reaper {
 public:
  Reaper(UpstreamParts& parts, Control& control);

  /// `client_id`: of the ended connection of `user`; 0, not known: nothing can be done, and
  /// `unsettled` is let go at once.
  void reap(UserId user, std::uint64_t client_id,
            std::shared_ptr<std::vector<SlotHandle>> unsettled);
  void close();

 private:
  struct Ended {
    UserId user;
    std::uint64_t client_id;
    std::shared_ptr<std::vector<SlotHandle>> unsettled;
  };

  void ask();
  void on_answer(const ControlAnswer& answer, std::size_t asked);

  UpstreamParts& parts_;
  Control& control_;
  std::deque<Ended> ended_;
  Timer retry_;
  Backoff backoff_;
  RateLimit log_limit_;
  bool asking_ = false;
};

}  // namespace hawser
