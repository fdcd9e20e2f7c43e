#pragma once

#include <chrono>
#include <string_view>

namespace hawser {

/// What the health endpoints need to know. Implemented by Server with atomics, outlives the
/// AdminServer, and is called from the admin thread: nothing in it may wait for the data thread.
class HealthView {
 public:
  /// The views refer to constants. A state is "connected", "connecting", "down" or "idle".
  struct RedisHealth {
    std::string_view main;
    std::string_view subscriber;
    std::string_view publisher;
    std::string_view circuit;
    double latency_ms = 0;  ///< Of the last round trip; NaN or negative if there was none.
    bool ok = false;
  };

  virtual ~HealthView() = default;
  /// Since the data loop last turned.
  virtual std::chrono::milliseconds heartbeat_age() const = 0;
  virtual bool listening() const = 0;
  virtual bool draining() const = 0;
  virtual RedisHealth redis() const = 0;
};

}  // namespace hawser
