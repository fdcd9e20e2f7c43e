#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/flag_source.hpp"
#include "config/redis_url.hpp"
#include "config/source.hpp"

namespace hawser::config {

/// Where the configuration comes from. Kept by whoever wants to load it again (SIGHUP).
struct Sources {
  std::optional<std::string> file;  ///< Path of a TOML file.
  Environment environment;
  std::vector<Flag> flags;
  /// Which commands there are, "container|subcommand" among them, for settings that name some.
  std::vector<std::string_view> commands;
};

/// What came of it. `settings` and the rest are to be used only without errors.
struct LoadResult {
  Settings settings;
  RedisUrl upstream;  ///< With its password, wherever that came from.
  std::vector<ListenUrl> listeners;
  /// Where each setting that is not at its default comes from, by key; of a rule of the cache
  /// by cache_rule_key.
  std::map<std::string, std::string, std::less<>> origins;
  std::vector<std::string> errors;  ///< For the user, without passwords.
  std::vector<std::string> warnings;

  bool ok() const { return errors.empty(); }
};

/// Defaults, then the file, the environment and the flags, each over the one before; then what
/// has to fit together. Reads the file, the password file and nothing else. Never throws for what
/// a user can write.
LoadResult load(const Sources& sources);

/// Only the first part of that: `settings`, each value checked by itself. For who asks a running
/// hawser and needs its admin address, wherever REDIS_URL may point.
LoadResult load_settings(const Sources& sources);

}  // namespace hawser::config
