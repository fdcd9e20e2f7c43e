#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hawser::config {

/// "250ms", "2s", "1m", "1h": digits and one unit. Nothing for anything else, plain numbers and
/// more than about 290 years included.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// In the largest unit that gives a whole number: 60000 ms are "1m".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace hawser::config
