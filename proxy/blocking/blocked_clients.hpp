#pragma once

#include <cstdint>
#include <unordered_map>

namespace hawser {

class PinnedSession;

/// The clients that are inside a blocking command at present, by hawser's client id. Owned by
/// Server; sessions enter and leave by themselves.
using BlockedClients = std::unordered_map<std::uint64_t, PinnedSession*>;

}  // namespace hawser
