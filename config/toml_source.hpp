#pragma once

#include <string_view>

#include "config/source.hpp"

namespace hawser::config {

/// Reads the text of a configuration file, strictly. Problems of keys and types are told all at
/// once, in the order of the file; of syntax only the first, where reading stops. `file` names it
/// in messages, which are "file:line:col: section.key: problem".
SourceResult read_toml(std::string_view text, std::string_view file);

}  // namespace hawser::config
