#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "protocol/command_table.hpp"

namespace hawser {

/// Which commands the operator does not let through (commands.deny). Pure. Owned by Server.
class DeniedCommands {
 public:
  explicit DeniedCommands(const std::vector<std::string>& names) { set(names); }

  /// From now on it is these: commands, or "container|subcommand", in any case. A container's name
  /// stands for all its subcommands. Names that are not in the table are those of modules.
  void set(const std::vector<std::string>& names);

  /// `row` as Request::command has it, `name` the request's first word and `sub` its second one, or
  /// nothing.
  bool denies(const protocol::Command* row, std::string_view name, std::string_view sub) const {
    if (row != nullptr) return by_index_[row->index];
    return !foreign_.empty() && denies_foreign(name, sub);
  }

 private:
  bool denies_foreign(std::string_view name, std::string_view sub) const;

  std::vector<bool> by_index_;               ///< By Command::index.
  std::unordered_set<std::string> foreign_;  ///< Not in the table; lower case.
};

}  // namespace hawser
