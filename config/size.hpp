#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hawser::config {

/// "64MiB", "1KiB", "2GiB", "512B", or a plain number of bytes. Nothing for anything else and for
/// what does not fit 63 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// In the largest unit that gives a whole number: 1048576 is "1MiB".
std::string format_size(std::uint64_t bytes);

}  // namespace hawser::config
