#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/limits.hpp"
#include "protocol/reply_writer.hpp"
#include "proxy/traffic/request.hpp"

namespace hawser {

// What COMMAND tells of hawser's own commands (rows of kOwn), which no server knows. Shapes are
// those of Redis 7.0, for older servers theirs. Pure.

/// Whether hawser has something to add to Redis' reply to a COMMAND request.
bool tells_of_own_commands(const Request& request);

/// Redis' complete `reply` to `request` with hawser's own commands added: behind Redis' own, or at
/// the places where COMMAND INFO asks for them. A reply of another kind, as an error, stays as it
/// is. REQUIRES: tells_of_own_commands(request).
std::string add_own_commands(const Request& request, protocol::RespVersion resp,
                             std::string_view server_version, std::string_view reply,
                             const protocol::Limits& limits);

/// The reply to COMMAND GETKEYS and GETKEYSANDFLAGS if they ask for a command of hawser's own.
std::optional<std::string> keys_of_own_command(const Request& request, protocol::RespVersion resp);

}  // namespace hawser
