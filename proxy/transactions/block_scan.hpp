#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/limits.hpp"
#include "proxy/traffic/denied_commands.hpp"

namespace hawser {

/// What follows a MULTI in a client's input, as far as it has come.
struct BlockScan {
  /// It is there to its EXEC, and nothing in it needs a connection of its own: it can
  /// ride the shared lane as one block.
  bool can_be_shared = false;
  std::size_t requests = 0;  ///< Behind MULTI, the last one included.
};

/// Looks ahead; nothing is consumed. `most_bytes`: a longer block is not shared. Pure.
BlockScan scan_block(std::string_view following, const protocol::Limits& limits,
                     std::size_t most_bytes, const DeniedCommands& denied);

}  // namespace hawser
