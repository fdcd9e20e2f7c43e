#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hawser::protocol {

/// How hawser treats a command.
enum class Treatment : std::uint8_t {
  shared,       ///< Goes to the shared main lane as it is.
  pinned,       ///< Needs an upstream connection of its own (blocking, WATCH, MULTI, MONITOR ...).
  local,        ///< Answered by hawser in every state.
  intercepted,  ///< Hawser acts on it and may ask the upstream (AUTH, HELLO, SELECT, INFO ...).
  refused,      ///< Not let through (SHUTDOWN, SYNC ...), or ends the connection (POST, Host:).
};

/// What a command's latency is counted under.
enum class CommandClass : std::uint8_t {
  read,
  write,
  blocking,
  pubsub,
  script,
  transaction,
  cache,
};

/// Flags as `COMMAND` of the server gives them.
namespace flag {
inline constexpr std::uint32_t write = 1U << 0;
inline constexpr std::uint32_t readonly = 1U << 1;
inline constexpr std::uint32_t denyoom = 1U << 2;
inline constexpr std::uint32_t admin = 1U << 3;
inline constexpr std::uint32_t pubsub = 1U << 4;
inline constexpr std::uint32_t noscript = 1U << 5;
inline constexpr std::uint32_t blocking = 1U << 6;
inline constexpr std::uint32_t loading = 1U << 7;
inline constexpr std::uint32_t stale = 1U << 8;
inline constexpr std::uint32_t skip_monitor = 1U << 9;
inline constexpr std::uint32_t skip_slowlog = 1U << 10;
inline constexpr std::uint32_t asking = 1U << 11;
inline constexpr std::uint32_t fast = 1U << 12;
inline constexpr std::uint32_t no_auth = 1U << 13;
inline constexpr std::uint32_t movablekeys = 1U << 14;
inline constexpr std::uint32_t no_mandatory_keys = 1U << 15;
inline constexpr std::uint32_t no_async_loading = 1U << 16;
inline constexpr std::uint32_t no_multi = 1U << 17;
inline constexpr std::uint32_t allow_busy = 1U << 18;
}  // namespace flag

/// Command::since of hawser's own commands, which no server knows.
inline constexpr std::string_view kOwn = "hawser";

/// One row: a command or a subcommand of one. What a row cannot say: XREAD and XREADGROUP are
/// `shared`, yet with BLOCK they wait, and only their arguments tell.
struct Command {
  std::string_view name;  ///< Lower case; a subcommand's is "client|setname".
  std::int16_t arity;     ///< As in COMMAND: negative means "at least"; the name itself counts.
  Treatment treatment;
  CommandClass command_class;
  std::uint32_t flags;     ///< flag::*
  std::int16_t first_key;  ///< 1-based position of the first key, 0 if there is none.
  std::int16_t last_key;   ///< Negative: from the end.
  std::int16_t key_step;
  std::string_view since;  ///< Server version for rows newer than 7.0, kOwn; else empty.
  std::uint16_t index;     ///< Its place in the table; dense, for counters by command.

  bool is(std::uint32_t f) const { return (flags & f) != 0; }
  /// Whether `argc` arguments (the name and, for a subcommand, its container's name included) fit.
  bool accepts(std::size_t argc) const {
    return arity >= 0 ? argc == static_cast<std::size_t>(arity)
                      : argc >= static_cast<std::size_t>(-arity);
  }
};

/// The row of a command by its name in any case, or nullptr. A subcommand's full name
/// ("client|setname") is no command's name, as in Redis.
const Command* find_command(std::string_view name);

/// The row of `container|subcommand`, or nullptr if `container` has no such subcommand.
const Command* find_subcommand(const Command& container, std::string_view subcommand);

/// Whether the command has subcommands (CLIENT, CONFIG ...).
bool has_subcommands(const Command& command);

/// All rows, subcommands included, ordered by name; `index` is the position here.
std::span<const Command> all_commands();

}  // namespace hawser::protocol
