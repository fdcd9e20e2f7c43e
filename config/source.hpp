#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/setting_table.hpp"

namespace hawser::config {

/// The environment of the process, handed in: nothing in config/ calls getenv.
using Environment = std::map<std::string, std::string, std::less<>>;

/// One setting as one source gives it.
struct Assignment {
  const Setting* setting = nullptr;
  Setting::Values values;
  /// For messages: "hawser.toml:3:1", "HAWSER_TIMEOUT_TOTAL", "--listen".
  std::string origin;
};

/// One rule of the cache, as the file gives it.
struct SourcedRule {
  CacheRule rule;
  std::string origin;  ///< As of an Assignment.
};

/// What one source says. Every assignment in here was tried: its value is good. Whether values fit
/// each other is for load() to find out.
struct SourceResult {
  std::vector<Assignment> assignments;
  std::vector<SourcedRule> cache_rules;  ///< In the order of the file.
  /// Each one complete: "origin: section.key: problem".
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

/// Applies `assignment`; on a problem adds it to `errors` and leaves `settings` as it was.
bool apply(const Assignment& assignment, Settings& settings, std::vector<std::string>& errors);

}  // namespace hawser::config
