#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/traffic/request.hpp"

namespace hawser {

/// The client CLIENT TRACKING redirects invalidations to, by the id hawser gave it; nothing: none,
/// or no number, or another command. Pure.
std::optional<std::int64_t> redirection_of(const Request& request);

/// CLIENT TRACKING with the id replaced by the upstream's.
std::string redirect_to(const Request& request, std::uint64_t upstream_id);

/// The reply to CLIENT GETREDIR or TRACKINGINFO (`command`) with the upstream's id replaced by the
/// client's. Pure.
std::string name_redirection(std::string_view command, std::string_view reply, std::int64_t id);

}  // namespace hawser
