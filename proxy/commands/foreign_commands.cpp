#include "proxy/commands/foreign_commands.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hawser {

namespace {

constexpr std::array<std::string_view, 4> kNeedsConnection = {"blocking", "pubsub", "noscript",
                                                              "@connection"};

}  // namespace

ForeignCommands::Way ForeignCommands::way_of(std::span<const std::string> info) {
  if (info.empty()) return Way::pinned;
  // The first one is its name.
  const auto words = info.subspan(1);
  const bool needs_connection = std::ranges::any_of(words, [](const std::string& word) {
    return std::ranges::find(kNeedsConnection, word) != kNeedsConnection.end();
  });
  // Where there are categories, every command is in one of these.
  const bool has_categories = std::ranges::any_of(
      words, [](const std::string& word) { return word == "@fast" || word == "@slow"; });
  return has_categories && !needs_connection ? Way::shared : Way::pinned;
}

void ForeignCommands::on_server(std::string_view run_id) {
  if (run_id == run_id_) return;
  run_id_ = run_id;
  recent_.clear();
  older_.clear();
}

std::optional<ForeignCommands::Way> ForeignCommands::find(const std::string& name, TimePoint now) {
  auto found = recent_.find(name);
  if (found == recent_.end()) {
    const auto older = older_.find(name);
    if (older == older_.end()) return std::nullopt;
    const Known known = older->second;
    older_.erase(older);
    put(name, known);
    found = recent_.find(name);
  }
  if (found->second.until > now) return found->second.way;
  recent_.erase(found);
  return std::nullopt;
}

void ForeignCommands::remember(const std::string& name, Way way, TimePoint until) {
  older_.erase(name);
  put(name, {way, until});
}

void ForeignCommands::put(const std::string& name, Known known) {
  if (recent_.size() >= kRemembered && !recent_.contains(name)) {
    older_ = std::exchange(recent_, {});
  }
  recent_[name] = known;
}

}  // namespace hawser
