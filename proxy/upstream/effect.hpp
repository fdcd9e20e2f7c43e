#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/command_table.hpp"

namespace hawser {

/// What sending a request again may do, as far as hawser can judge.
enum class Effect : std::uint8_t {
  unknown,  ///< Scripts, transactions, unknown commands: not even their errors prove anything.
            ///< DEBUG likewise: DEBUG ERROR says what its sender likes.
  write,    ///< May be sent again if Redis said that it did not execute it.
  read,     ///< Changes nothing: may be sent again whatever became of it.
};

/// Of a command by its row; nullptr: not known, or one of a block. Pure. Reads that may take Redis
/// long are not repeated on a suspicion, and count as writes.
inline Effect effect_of(const protocol::Command* command) {
  using protocol::CommandClass;
  if (command == nullptr || command->name == "debug") return Effect::unknown;
  switch (command->command_class) {
    case CommandClass::script:
    case CommandClass::transaction:
    case CommandClass::blocking:
      return Effect::unknown;
    case CommandClass::cache:  // Hawser's own scripts: their first error is before their first
                               // write.
    case CommandClass::read:
    case CommandClass::write:
    case CommandClass::pubsub:
      break;
  }
  const bool is_slow = command->name == "keys" || command->name == "sort_ro";
  return command->is(protocol::flag::readonly) && !is_slow ? Effect::read : Effect::write;
}

/// What Redis says of a digest it does not know.
inline constexpr std::string_view kNoScript = "-NOSCRIPT No matching script. Please use EVAL.\r\n";

/// Whether `error`, which begins with the word of a Rejection, proves that Redis did not execute
/// the command. Of a script of a client only this one does, and only if the script itself cannot
/// have said so, which ClientScripts::to_eval() judges.
inline bool proves_not_executed(const protocol::Command* command, std::string_view error) {
  if (effect_of(command) != Effect::unknown) return true;
  return command != nullptr && (command->name == "evalsha" || command->name == "evalsha_ro") &&
         error == kNoScript;
}

}  // namespace hawser
