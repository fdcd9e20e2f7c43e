#pragma once

#include <algorithm>
#include <string_view>

namespace hawser {

/// Redis' reply to CLIENT SETNAME and HELLO SETNAME with a name it does not take.
inline constexpr std::string_view kInvalidClientName =
    "-ERR Client names cannot contain spaces, newlines or special characters.\r\n";

/// Whether Redis takes `name` as a client's name: printable ASCII without blanks, or empty.
inline bool is_valid_client_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace hawser
