#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/request.hpp"

namespace hawser {

/// Appends what Redis answers to GET MGET GETRANGE STRLEN EXISTS TTL PTTL HGET HMGET HGETALL when
/// none of the keys exists. False, and nothing appended, for every other command and for arguments
/// to which Redis would answer an error. Pure.
bool append_absent_reply(const Request& request, protocol::RespVersion version, std::string& out);

/// How many of a request's keys are of some kind.
enum class KeysCovered : std::uint8_t { none, some, all };

/// Asks `covers(std::string_view key)` of each key. Only for commands whose key positions the
/// command table knows (not EVAL, XREAD ...). `none` as well for a command without keys, and for a
/// number of arguments that does not fit the command. Pure.
template <typename Covers>
KeysCovered keys_covered(const Request& request, Covers&& covers) {
  const protocol::Command* const row = request.command;
  if (row == nullptr || row->first_key <= 0 || !row->accepts(request.argc())) {
    return KeysCovered::none;
  }
  const auto argc = static_cast<std::ptrdiff_t>(request.argc());
  const std::ptrdiff_t last = row->last_key < 0 ? argc + row->last_key : row->last_key;
  std::size_t keys = 0;
  std::size_t covered = 0;
  for (std::ptrdiff_t i = row->first_key; i <= last && i < argc; i += row->key_step) {
    ++keys;
    if (covers(request.arg(static_cast<std::size_t>(i)))) ++covered;
  }
  if (covered == 0) return KeysCovered::none;
  return covered == keys ? KeysCovered::all : KeysCovered::some;
}

}  // namespace hawser
