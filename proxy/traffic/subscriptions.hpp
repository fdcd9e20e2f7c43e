#pragma once

#include <cstddef>

namespace hawser {

/// What one client is subscribed to, as others may know it. Kept by pub/sub, owned by the client.
class Subscriptions {
 public:
  struct Counts {
    std::size_t channels = 0;
    std::size_t patterns = 0;
    std::size_t shard_channels = 0;
    std::size_t total() const { return channels + patterns + shard_channels; }
  };
  virtual ~Subscriptions() = default;
  virtual Counts counts() const = 0;
};

}  // namespace hawser
