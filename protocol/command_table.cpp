#include "protocol/command_table.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/command_data.hpp"

namespace hawser::protocol {

namespace {

constexpr std::size_t kNameBuffer = 64;

// Whether the bytes that a NameKey does not hold are equal too. REQUIRES: equal sizes.
bool same_middle(std::string_view row_name, std::string_view name) {
  for (std::size_t i = 8; i + 8 < name.size(); ++i) {
    const char c = name[i];
    if (row_name[i] != (c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c)) return false;
  }
  return true;
}

const Command* look_up(const std::array<std::uint16_t, CommandIndex::kSlots>& slots,
                       std::string_view name) {
  if (name.size() > kCommandIndex.longest_name) return nullptr;
  const NameKey key = NameKey::of(name);
  for (std::size_t slot = key.slot(); slots[slot] != 0; slot = (slot + 1) % CommandIndex::kSlots) {
    const std::size_t row = slots[slot] - std::size_t{1};
    if (kCommandIndex.keys[row] != key) continue;
    const Command& command = kCommandIndex.commands[row];
    if (same_middle(command.name, name)) return &command;
  }
  return nullptr;
}

}  // namespace

const Command* find_command(std::string_view name) {
  return look_up(kCommandIndex.names, name);
}

const Command* find_subcommand(const Command& container, std::string_view subcommand) {
  const std::size_t size = container.name.size() + 1 + subcommand.size();
  if (size > std::min(kNameBuffer, kCommandIndex.longest_name)) return nullptr;
  char name[kNameBuffer];
  char* p = std::copy(container.name.begin(), container.name.end(), name);
  *p++ = '|';
  std::copy(subcommand.begin(), subcommand.end(), p);
  return look_up(kCommandIndex.subcommands, {name, size});
}

bool has_subcommands(const Command& command) {
  return kCommandIndex.is_container[command.index];
}

std::span<const Command> all_commands() {
  return {kCommandIndex.commands, kCommandIndex.count};
}

}  // namespace hawser::protocol
