#include "config/flag_source.hpp"

#include <algorithm>

#include "config/redis_url.hpp"

namespace hawser::config {

SourceResult read_flags(std::span<const Flag> flags) {
  std::vector<Assignment> merged;
  SourceResult result;
  for (const Flag& flag : flags) {
    const Setting* setting = find_setting_by_flag(flag.name);
    const auto before = std::find_if(
        merged.begin(), merged.end(),
        [setting](const Assignment& assignment) { return assignment.setting == setting; });
    if (before == merged.end()) {
      merged.push_back({setting, {flag.value}, flag.name});
    } else if (setting->type == SettingType::text_list) {
      before->values.push_back(flag.value);
    } else {
      result.errors.push_back(flag.name + ": " + std::string(setting->key) + ": given twice");
    }
  }
  Settings scratch;
  for (Assignment& assignment : merged) {
    if (!apply(assignment, scratch, result.errors)) continue;
    if (assignment.setting->key == "upstream.url") {
      const auto url = parse_redis_url(assignment.values.front());
      if (url && !url->password.empty()) {
        result.warnings.push_back(assignment.origin +
                                  ": a password on the command line is seen by every local user "
                                  "(use HAWSER_UPSTREAM or upstream.password_file)");
      }
    }
    result.assignments.push_back(std::move(assignment));
  }
  return result;
}

}  // namespace hawser::config
