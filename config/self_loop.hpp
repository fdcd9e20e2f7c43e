#pragma once

#include <optional>
#include <span>
#include <string>

#include "config/redis_url.hpp"

namespace hawser::config {

/// Whether hawser would connect to one of its own listeners: the sentence that says so. Looks at
/// names and addresses only: another name or address of this very machine is not recognised.
std::optional<std::string> find_self_loop(const RedisUrl& upstream,
                                          std::span<const ListenUrl> listeners);

}  // namespace hawser::config
