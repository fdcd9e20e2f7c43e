#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/command_table.hpp"
#include "protocol/request_parser.hpp"
#include "proxy/runtime/block.hpp"
#include "proxy/runtime/clock.hpp"

namespace hawser {

/// One complete command of a client: views into its input, valid only while it is being handled.
struct Request {
  std::string_view raw;  ///< As received.
  const char* base = nullptr;
  std::span<const protocol::ArgSpan> args;
  bool canonical = true;  ///< raw can be sent upstream as it is.
  /// Its row, the subcommand's if it has one; nullptr if the table does not know the command.
  const protocol::Command* command = nullptr;
  bool denied = false;  ///< The operator does not let it through (commands.deny).
  TimePoint arrived{};
  /// Only for this run of the server's process (see server_number()): sent to another one it would
  /// mean something else. 0: any.
  std::uint64_t server = 0;
  /// What the client has sent behind it and hawser has read already.
  std::string_view following;
  /// The block that holds exactly `raw`, if a large request came in one of its own: a lane may
  /// take it over instead of copying. Else nullptr.
  BlockPtr* block = nullptr;

  std::size_t argc() const { return args.size(); }
  std::string_view arg(std::size_t i) const { return {base + args[i].offset, args[i].size}; }

  /// The bytes to send upstream: raw, or an encoding made anew in `scratch`.
  std::string_view wire(std::string& scratch) const;
};

/// Whether the request is not let through, on whatever connection.
inline bool is_refused(const Request& request) {
  return request.denied ||
         (request.command != nullptr && request.command->treatment == protocol::Treatment::refused);
}

/// What the request's latency is counted under, and its time-out chosen by.
inline protocol::CommandClass class_of(const Request& request) {
  return request.command != nullptr ? request.command->command_class
                                    : protocol::CommandClass::write;
}

}  // namespace hawser
