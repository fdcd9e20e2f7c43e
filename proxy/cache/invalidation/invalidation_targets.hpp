#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "proxy/cache/bus/bus_message.hpp"
#include "proxy/cache/cache_keys.hpp"

namespace hawser {

/// Each pattern is a walk through the whole database.
inline constexpr std::size_t kMostPatterns = 100;

/// Makes of what a client named what is to be done: each target once, and of keys none of hawser's
/// own. An error reply if that is too much, else empty.
inline std::string_view prepare_targets(BusMessage& message, const CacheKeys& keys) {
  std::unordered_set<std::string> seen;
  std::erase_if(message.targets, [&](const std::string& target) {
    const bool is_own = message.type == BusMessage::Type::keys && keys.is_reserved(target);
    return is_own || !seen.insert(target).second;
  });
  if (message.type == BusMessage::Type::pattern && message.targets.size() > kMostPatterns) {
    return "-ERR too many patterns, at most 100 in one message\r\n";
  }
  return {};
}

/// What they take in memory, about.
inline std::size_t bytes_of(const std::vector<std::string>& targets) {
  std::size_t bytes = 0;
  for (const std::string& target : targets) bytes += sizeof(std::string) + target.size();
  return bytes;
}

}  // namespace hawser
