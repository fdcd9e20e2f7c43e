#include "config/env_source.hpp"

#include <algorithm>

#include "config/suggestion.hpp"

namespace hawser::config {
namespace {

constexpr std::string_view kPrefix = "HAWSER_";
/// No name of a setting begins so.
constexpr std::string_view kRulePrefix = "HAWSER_CACHE_RULE";

Setting::Values split_list(std::string_view text) {
  Setting::Values values;
  while (!text.empty()) {
    const auto comma = text.find(',');
    values.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return values;
}

void read(const Setting& setting, std::string_view name, const std::string& text,
          SourceResult& result) {
  Assignment assignment{&setting, {text}, std::string(name)};
  if (setting.type == SettingType::text_list) assignment.values = split_list(text);
  Settings scratch;
  if (apply(assignment, scratch, result.errors)) {
    result.assignments.push_back(std::move(assignment));
  }
}

void warn_of_unknown(const Environment& environment, SourceResult& result) {
  std::vector<std::string> names;
  for (const Setting& setting : setting_table()) {
    names.push_back(setting.env());
    if (!setting.also_env.empty()) names.emplace_back(setting.also_env);
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(kPrefix)) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (name.starts_with(kRulePrefix)) {
      result.warnings.push_back(name +
                                ": ignored, rules of the cache can be given in the file only "
                                "(as [[cache.rule]])");
      continue;
    }
    result.warnings.push_back(name + ": unknown environment variable" + did_you_mean(name, known));
  }
}

}  // namespace

SourceResult read_environment(const Environment& environment) {
  SourceResult result;
  for (const Setting& setting : setting_table()) {
    const std::string name = setting.env();
    const auto found = environment.find(name);
    const auto also =
        setting.also_env.empty() ? environment.end() : environment.find(setting.also_env);
    if (found != environment.end() && also != environment.end() && found->second != also->second) {
      result.errors.push_back(name + ": " + std::string(setting.key) + ": " +
                              std::string(setting.also_env) + " is set too, to something else");
      continue;
    }
    if (also != environment.end()) {
      read(setting, setting.also_env, also->second, result);
    } else if (found != environment.end()) {
      read(setting, name, found->second, result);
    }
  }
  warn_of_unknown(environment, result);
  return result;
}

}  // namespace hawser::config
