#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"

namespace hawser::config {

enum class SettingType : std::uint8_t {
  text,
  text_list,
  duration,
  size,
  count,
  permissions,  ///< Octal, in quotes: "0660".
  choice        ///< One of a few words.
};

/// One row of the table of everything that can be configured. The file decoder, the environment,
/// the flags, --help and hawser.toml follow from these rows alone. Rows are constants and live for
/// the whole process; any thread may read them. Only the rules of the cache are not here: they are
/// tables and not values (config/cache_rule.hpp), and come from the file alone.
struct Setting {
  /// One element, or any number for a text_list.
  using Values = std::vector<std::string>;
  /// What is wrong, as "problem (got X, want Y)"; nothing if all is well. Never has a password.
  using Problem = std::optional<std::string>;

  std::string_view key{};  ///< "section.name".
  SettingType type = SettingType::text;
  std::string_view flag{};      ///< With its dashes, or empty: none.
  std::string_view also_env{};  ///< A second environment name, or empty.
  bool reloadable = false;      ///< Whether SIGHUP changes it in the running process.
  std::string_view doc{};       ///< Sentences; the first stands alone in --help.
  std::string_view example{};   ///< Shown where the default is empty.
  bool may_be_empty = false;    ///< Of lists, and of texts to which nothing is a value.
  std::int64_t min = 0;         ///< Of durations in ms, sizes in bytes, counts.
  std::int64_t max = 0;
  std::span<const std::string_view> choices{};   ///< In the order of the enumerators.
  Problem (*check)(std::string_view) = nullptr;  ///< Of texts and of each text of a list.

  /// The value in Settings, as it is written in a source; passwords in it are redacted.
  Values (*get)(const Setting&, const Settings&) = nullptr;
  /// Checks `values` and, if they are good, stores them.
  Problem (*set)(const Setting&, Settings&, const Values& values) = nullptr;

  std::string_view section() const { return key.substr(0, key.find('.')); }
  std::string_view name() const { return key.substr(key.find('.') + 1); }
  /// HAWSER_SECTION_NAME.
  std::string env() const;
};

/// All rows, those of one section together.
std::span<const Setting> setting_table();

/// The row, or null.
const Setting* find_setting(std::string_view key);
const Setting* find_setting_by_flag(std::string_view flag);

}  // namespace hawser::config
