#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/traffic/context.hpp"

namespace hawser {

/// What HELLO is answered, in the version it asked for. `client_id`: hawser's.
std::string hello_reply(RespVersion resp, std::string_view server_version, std::uint64_t client_id);

}  // namespace hawser
