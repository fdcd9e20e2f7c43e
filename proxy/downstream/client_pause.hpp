#pragma once

#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/request.hpp"

namespace hawser {

class ClientRegistry;

/// CLIENT PAUSE: until its time is over, requests stay with their clients; their own time begins
/// then. Owned by ClientListing.
class ClientPause {
 public:
  ClientPause(Loop& loop, ClientRegistry& clients);

  /// Never ends an earlier one sooner, nor lets through more than it. Returns false if there is
  /// one.
  bool begin(TimePoint until, bool only_writes);
  void end();
  /// Whether a request has to wait.
  bool holds(const Request& request) const { return is_on_ && is_meant(request); }

 private:
  bool is_meant(const Request& request) const;

  ClientRegistry& clients_;
  Timer timer_;
  TimePoint until_{};
  bool is_on_ = false;
  bool only_writes_ = false;
};

}  // namespace hawser
