#pragma once

#include <cstdint>
#include <vector>

#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/request.hpp"

namespace hawser {

class ClientRegistry;

/// CLIENT PAUSE: until its time is over, requests stay with their clients; their own time begins
/// then. Several are one, as long as the longest of them and as wide as the widest. Owned by
/// ClientListing.
class ClientPause {
 public:
  ClientPause(Loop& loop, ClientRegistry& clients);

  /// Returns its number.
  std::uint64_t begin(TimePoint until, bool only_writes);
  /// That one is no part of it any more.
  void end(std::uint64_t number);
  void end();
  /// Whether a request has to wait.
  bool holds(const Request& request) const { return !parts_.empty() && is_meant(request); }

 private:
  struct Part {
    std::uint64_t number;
    TimePoint until;
    bool only_writes;
  };

  void update();
  bool is_meant(const Request& request) const;

  ClientRegistry& clients_;
  Timer timer_;
  std::vector<Part> parts_;
  std::uint64_t next_ = 1;
  bool only_writes_ = false;
};

}  // namespace hawser
