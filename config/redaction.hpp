#pragma once

#include <string>
#include <string_view>

namespace hawser::config {

/// A Redis URL without its password; "(unreadable URL)" for what is none, since a password could
/// be anywhere in it. An empty text stays empty.
std::string redact_url(std::string_view text);

}  // namespace hawser::config
