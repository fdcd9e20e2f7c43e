#include "config/setting_table.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "config/reference.hpp"
#include "config/toml_source.hpp"

namespace hawser::config {
namespace {

std::string read_file_of_the_room(const char* name) {
  const auto room = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  std::ifstream file(room / "config" / name, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Settings settings_of(const SourceResult& source) {
  Settings settings;
  std::vector<std::string> errors = source.errors;
  for (const Assignment& assignment : source.assignments) apply(assignment, settings, errors);
  EXPECT_EQ(errors, std::vector<std::string>());
  return settings;
}

Setting::Problem set(std::string_view key, Setting::Values values) {
  Settings settings;
  const Setting* setting = find_setting(key);
  return setting->set(*setting, settings, values);
}

TEST(SettingTable, GeneratedFileIsTheOneInTheRepository) {
  EXPECT_EQ(read_file_of_the_room("hawser.toml"), annotated_defaults());
}

TEST(SettingTable, GeneratedFileIsValidAndChangesNothing) {
  const auto source = read_toml(annotated_defaults(), "hawser.toml");
  EXPECT_EQ(source.errors, std::vector<std::string>());
  EXPECT_TRUE(source.assignments.empty());
}

TEST(SettingTable, GeneratedFileWithoutCommentSignsSetsEveryKeyToItsDefault) {
  std::string text;
  std::istringstream lines(annotated_defaults());
  for (std::string line; std::getline(lines, line);) {
    const bool comment = line.starts_with("# ") || line == "#";
    text += (line.starts_with('#') && !comment ? line.substr(1) : line) + "\n";
  }
  const auto source = read_toml(text, "hawser.toml");
  EXPECT_EQ(source.assignments.size(), setting_table().size());
  EXPECT_EQ(source.cache_rules.size(), 1u);  // The example.
  const Settings settings = settings_of(source);
  const Settings defaults;
  for (const Setting& setting : setting_table()) {
    const auto value = setting.get(setting, defaults);
    if (value == Setting::Values{""}) continue;  // Shown with an example instead.
    EXPECT_EQ(setting.get(setting, settings), value) << setting.key;
  }
}

TEST(SettingTable, MinimalFileIsValid) {
  const auto source = read_toml(read_file_of_the_room("hawser-minimal.toml"), "minimal");
  const Settings settings = settings_of(source);
  EXPECT_EQ(settings.upstream.url, "redis://127.0.0.1:6379/0");
  EXPECT_EQ(settings.listen.urls, std::vector<std::string>{"tcp://127.0.0.1:6380"});
}

TEST(SettingTable, EveryRowIsComplete) {
  for (const Setting& setting : setting_table()) {
    EXPECT_NE(setting.key.find('.'), std::string_view::npos) << setting.key;
    EXPECT_TRUE(setting.doc.ends_with('.')) << setting.key;
    EXPECT_NE(setting.get, nullptr) << setting.key;
    EXPECT_NE(setting.set, nullptr) << setting.key;
    const bool ranged = setting.type == SettingType::duration ||
                        setting.type == SettingType::size || setting.type == SettingType::count;
    EXPECT_EQ(ranged, setting.max > setting.min) << setting.key;
    EXPECT_EQ(setting.type == SettingType::choice, !setting.choices.empty()) << setting.key;
  }
}

TEST(SettingTable, KeysEnvironmentNamesAndFlagsAreUnique) {
  std::set<std::string> names;
  for (const Setting& setting : setting_table()) {
    EXPECT_TRUE(names.insert(std::string(setting.key)).second) << setting.key;
    EXPECT_TRUE(names.insert(setting.env()).second) << setting.env();
    if (!setting.also_env.empty()) {
      EXPECT_TRUE(names.insert(std::string(setting.also_env)).second) << setting.also_env;
    }
    if (!setting.flag.empty()) {
      EXPECT_TRUE(names.insert(std::string(setting.flag)).second) << setting.flag;
    }
  }
}

TEST(SettingTable, RowsOfASectionStandTogether) {
  std::set<std::string_view> closed;
  std::string_view section;
  for (const Setting& setting : setting_table()) {
    if (setting.section() == section) continue;
    EXPECT_TRUE(closed.insert(setting.section()).second) << setting.key;
    section = setting.section();
  }
}

TEST(SettingTable, EveryRowReadsWhatItWroteIntoAMemberOfItsOwn) {
  Settings settings;
  const Settings defaults;
  for (const Setting& setting : setting_table()) {
    // Another value than the default, so that a row bound to a wrong member is found.
    Setting::Values value = {"h-1"};
    if (setting.type == SettingType::duration) value = {"77ms"};
    if (setting.type == SettingType::size) value = {"77MiB"};
    if (setting.type == SettingType::count) value = {"77"};
    if (setting.type == SettingType::permissions) value = {"0777"};
    if (setting.type == SettingType::choice) value = {std::string(setting.choices.back())};
    if (setting.key == "listen.urls") value = {"tcp://h:77", "unix:///h"};
    if (setting.key == "upstream.url") value = {"redis://h:77/0"};
    if (setting.key == "upstream.assumed_version") value = {"7.7.7"};
    if (setting.key == "admin.listen") value = {"h:77"};
    if (setting.key == "commands.deny") value = {"flushall"};
    ASSERT_NE(setting.get(setting, defaults), value) << setting.key;
    ASSERT_EQ(setting.get(setting, settings), setting.get(setting, defaults)) << setting.key;
    EXPECT_EQ(setting.set(setting, settings, value), std::nullopt) << setting.key;
    EXPECT_EQ(setting.get(setting, settings), value) << setting.key;
  }
}

TEST(SettingTable, BoundsAreChecked) {
  EXPECT_EQ(set("timeout.connect", {"0s"}), "too short (got 0s, want at least 1ms)");
  EXPECT_EQ(set("timeout.connect", {"25h"}), "too long (got 25h, want at most 24h)");
  EXPECT_EQ(set("clients.max", {"0"}), "too small (got 0, want at least 1)");
  EXPECT_EQ(set("clients.max", {"1000001"}), "too large (got 1000001, want at most 1000000)");
  EXPECT_EQ(set("lanes.max_bytes", {"1B"}), "too small (got 1B, want at least 1KiB)");
  EXPECT_EQ(set("drain.min", {"0s"}), std::nullopt);
}

TEST(SettingTable, BadValuesAreNamed) {
  EXPECT_EQ(set("timeout.connect", {"2"}),
            "bad duration (got 2, want a number and a unit, as in 250ms, 2s, 1m, 1h)");
  EXPECT_EQ(set("timeout.connect", {""}),
            "bad duration (got nothing, want a number and a unit, as in 250ms, 2s, 1m, 1h)");
  EXPECT_EQ(set("buffers.max_bytes", {"2GB"}),
            "bad size (got 2GB, want bytes, or a number and a unit, as in 1KiB, 64MiB)");
  EXPECT_EQ(set("clients.max", {"1e3"}), "bad number (got 1e3, want digits only)");
  for (const auto* text : {"", "0888", "1777", "00660", "rw", "-660"}) {
    EXPECT_NE(set("listen.unix_mode", {text}), std::nullopt) << text;
  }
  EXPECT_EQ(set("log.level", {"inof"}),
            "unknown word, did you mean info? (got inof, want trace, debug, info, warn or error)");
  EXPECT_EQ(set("listen.urls", {}),
            "empty list (got nothing, want at least one, such as tcp://127.0.0.1:6380)");
  for (const auto* text : {"", "7", "7.0", "7.0.0.0", "7.x.0", "7..0", "v7.0.0"}) {
    EXPECT_NE(set("upstream.assumed_version", {text}), std::nullopt) << text;
  }
  for (const auto* text : {"", "a b", "a:b", "a\nb"}) {
    EXPECT_NE(set("upstream.instance", {text}), std::nullopt) << text;
  }
  for (const auto* text : {"", "9380", "h:", ":9380", "h:65536", "http://h:1"}) {
    EXPECT_NE(set("admin.listen", {text}), std::nullopt) << text;
  }
  EXPECT_EQ(set("admin.listen", {"off"}), std::nullopt);
  EXPECT_EQ(set("admin.listen", {"[::1]:9380"}), std::nullopt);
}

TEST(SettingTable, PrefixOfTheCacheIsPlain) {
  for (const auto* text : {"p", "__hawser__:", "a.b-c/d#"}) {
    EXPECT_EQ(set("cache.prefix", {text}), std::nullopt) << text;
  }
  for (const auto* text :
       {"", "a b", "{a", "a}", "a*", "a?", "[a", "a]", "a\\", "a\n", "\xc3\xa4", "a\x7f"}) {
    EXPECT_NE(set("cache.prefix", {text}), std::nullopt) << text;
  }
  EXPECT_EQ(set("cache.prefix", {std::string(64, 'p')}), std::nullopt);
  EXPECT_NE(set("cache.prefix", {std::string(65, 'p')}), std::nullopt);
  EXPECT_EQ(set("cache.prefix", {"a*"}),
            "bad prefix (got a*, want 1 to 64 printable characters without spaces and {}*?[]\\)");
}

TEST(SettingTable, ChannelOfTheCacheMayBeEmpty) {
  EXPECT_EQ(set("cache.channel", {""}), std::nullopt);
}

TEST(SettingTable, BadValueLeavesSettingsAsTheyWere) {
  Settings settings;
  for (const Setting& setting : setting_table()) {
    if (setting.key == "cache.channel") continue;  // Takes every text.
    const auto before = setting.get(setting, settings);
    EXPECT_NE(setting.set(setting, settings, {""}), std::nullopt) << setting.key;
    EXPECT_EQ(setting.get(setting, settings), before) << setting.key;
  }
}

TEST(SettingTable, TextOfTheUpstreamHasNoPassword) {
  Settings settings;
  settings.upstream.url = "redis://:hunter2@h";
  const Setting* setting = find_setting("upstream.url");
  EXPECT_EQ(setting->get(*setting, settings), Setting::Values{"redis://:***@h:6379/0"});
}

TEST(SettingTable, ReferenceNamesEveryKeyAndFlag) {
  const auto keys = key_reference();
  const auto flags = flag_reference();
  for (const Setting& setting : setting_table()) {
    EXPECT_NE(keys.find(setting.key), std::string::npos) << setting.key;
    EXPECT_NE(flags.find(setting.flag), std::string::npos) << setting.flag;
  }
  EXPECT_NE(keys.find("  cache.rule "), std::string::npos);
}

}  // namespace
}  // namespace hawser::config
