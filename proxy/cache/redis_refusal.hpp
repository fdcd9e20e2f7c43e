#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/reply_framer.hpp"
#include "proxy/traffic/failure.hpp"

namespace hawser {

/// What an error reply says of trying again.
enum class Refusal : std::uint8_t {
  final,      ///< It is the answer.
  passing,    ///< Not now.
  no_writes,  ///< Not now, and perhaps not for long: the server serves reads only.
};

/// `error`: the whole reply. Why a transaction was aborted stands behind its own word; before Redis
/// 7 what a script's command was refused with stands inside of the script's own error.
inline Refusal refusal_of(std::string_view error) {
  if (error.starts_with("-ERR Error running script")) {
    const std::size_t inner = error.rfind(": -");
    if (inner != std::string_view::npos) error.remove_prefix(inner + 2);
  }
  constexpr std::string_view kAborted = "-EXECABORT Transaction discarded because of: ";
  std::string_view word = protocol::error_word(error);
  if (error.starts_with(kAborted)) {
    error.remove_prefix(kAborted.size());
    word = error.substr(0, error.find(' '));
  }
  if (word == "READONLY" || word == "NOREPLICAS" || word == "OOM") return Refusal::no_writes;
  if (word == "MISCONF" || find_rejection(word) != nullptr) return Refusal::passing;
  return Refusal::final;
}

}  // namespace hawser
