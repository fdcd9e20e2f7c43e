#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/runtime/clock.hpp"

namespace hawser {

/// How commands that are not in the table may travel, as far as the server was asked. Of the names
/// that come only so many are remembered, those used lately. Pure. Owned by ForeignHandler.
class ForeignCommands {
 public:
  enum class Way : std::uint8_t {
    shared,  ///< On a main lane.
    pinned,  ///< On a connection of its own, closed afterwards.
  };

  /// At least so many of the names used last are remembered, and at most twice as many.
  static constexpr std::size_t kRemembered = 500;
  /// A longer one is no command's.
  static constexpr std::size_t kLongestName = 64;

  /// By the texts of a reply to COMMAND INFO of one command, nested arrays and all. What blocks,
  /// subscribes, or may not stand in a script (most of what changes a connection) is not shared;
  /// nor what is about the connection, as a renamed SELECT. Servers before Redis 6 do not tell
  /// that: there nothing is shared.
  static Way way_of(std::span<const std::string> info);

  /// Commands are those of this run of a server; of another one nothing is known.
  void on_server(std::string_view run_id);

  /// Nothing: the server has to be asked (again). `name` is in lower case.
  std::optional<Way> find(const std::string& name, TimePoint now);
  void remember(const std::string& name, Way way, TimePoint until);
  std::size_t size() const { return recent_.size() + older_.size(); }

 private:
  struct Known {
    Way way;
    TimePoint until;
  };
  using Names = std::unordered_map<std::string, Known>;

  void put(const std::string& name, Known known);

  std::string run_id_;
  Names recent_;  ///< Used since it was empty last ...
  Names older_;   ///< ... and before: forgotten when recent_ is full again.
};

}  // namespace hawser
