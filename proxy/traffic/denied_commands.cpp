#include "proxy/traffic/denied_commands.hpp"

#include "proxy/traffic/words.hpp"

namespace hawser {

void DeniedCommands::set(const std::vector<std::string>& names) {
  const auto rows = protocol::all_commands();
  by_index_.assign(rows.size(), false);
  foreign_.clear();
  for (const std::string& given : names) {
    const std::string name = to_lower(given);
    bool is_known = false;
    for (const protocol::Command& row : rows) {
      if (row.name != name && !row.name.starts_with(name + "|")) continue;
      by_index_[row.index] = is_known = true;
    }
    if (!is_known) foreign_.insert(name);
  }
}

bool DeniedCommands::denies_foreign(std::string_view name, std::string_view sub) const {
  const std::string lower = to_lower(name);
  return foreign_.contains(lower) ||
         (!sub.empty() && foreign_.contains(lower + "|" + to_lower(sub)));
}

}  // namespace hawser
