#pragma once

#include <span>
#include <string>

#include "config/source.hpp"

namespace hawser::config {

/// One flag of the command line that belongs to a row of the table, with its value.
struct Flag {
  std::string name;  ///< "--listen"
  std::string value;
};

/// Flags of lists may be repeated, each adds one element; another one given twice is an error.
/// REQUIRES: find_setting_by_flag knows each name.
SourceResult read_flags(std::span<const Flag> flags);

}  // namespace hawser::config
