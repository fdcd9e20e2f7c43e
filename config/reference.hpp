#pragma once

#include <string>

#include "config/load.hpp"

namespace hawser::config {

/// The annotated hawser.toml: every setting with what it means, at its default, commented out.
std::string annotated_defaults();

/// What is in effect, as TOML, with the origin of what is not at its default; without passwords.
std::string effective_configuration(const LoadResult& loaded);

/// The flags of the table for --help, one a line.
std::string flag_reference();

/// Every key with its default and the first sentence about it, for --help.
std::string key_reference();

}  // namespace hawser::config
