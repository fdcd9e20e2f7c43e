#include "config/source.hpp"

namespace hawser::config {

bool apply(const Assignment& assignment, Settings& settings, std::vector<std::string>& errors) {
  const Setting& setting = *assignment.setting;
  const auto problem = setting.set(setting, settings, assignment.values);
  if (!problem) return true;
  errors.push_back(assignment.origin + ": " + std::string(setting.key) + ": " + *problem);
  return false;
}

}  // namespace hawser::config
