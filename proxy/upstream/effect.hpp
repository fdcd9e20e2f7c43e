#pragma once

#include <cstdint>

#include "proxy/traffic/request.hpp"

namespace hawser {

/// What sending a request again may do, as far as hawser can judge.
enum class Effect : std::uint8_t {
  unknown,  ///< Scripts, transactions, unknown commands: not even their errors prove anything.
  write,    ///< May be sent again if Redis said that it did not execute it.
  read,     ///< Changes nothing: may be sent again whatever became of it.
};

/// Pure. Reads that may take Redis long are not repeated on a suspicion, and count as writes.
inline Effect effect_of(const Request& request) {
  using protocol::CommandClass;
  const protocol::Command* command = request.command;
  if (command == nullptr || !command->accepts(request.argc())) return Effect::unknown;
  switch (command->command_class) {
    case CommandClass::script:
    case CommandClass::transaction:
    case CommandClass::blocking:
    case CommandClass::cache:
      return Effect::unknown;
    case CommandClass::read:
    case CommandClass::write:
    case CommandClass::pubsub:
      break;
  }
  const bool is_slow = command->name == "keys" || command->name == "sort_ro";
  return command->is(protocol::flag::readonly) && !is_slow ? Effect::read : Effect::write;
}

}  // namespace hawser
