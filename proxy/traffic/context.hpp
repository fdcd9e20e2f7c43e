#pragma once

#include <cstdint>

#include "protocol/reply_writer.hpp"

namespace hawser {

using protocol::RespVersion;

/// Number of a user among those hawser knows; 0 is the user of the upstream URL.
using UserId = std::uint32_t;
inline constexpr UserId kUpstreamUser = 0;

/// What the state of an upstream connection depends on. Clients of one context share a main lane.
struct Context {
  UserId user = kUpstreamUser;
  std::uint32_t database = 0;
  RespVersion resp = RespVersion::resp2;

  bool operator==(const Context&) const = default;
};

}  // namespace hawser
