#pragma once

#include <string_view>

#include "protocol/reply_framer.hpp"

namespace hawser {

/// Whether a reply to EXEC says that its connection is in no transaction any more. It still is
/// where the server does not know EXEC by that name, or before Redis 6.2 the user may not run it.
inline bool is_over_after(std::string_view exec_reply) {
  const std::string_view word = protocol::error_word(exec_reply);
  return word.empty() || word == "EXECABORT" ||
         protocol::error_text(exec_reply).starts_with("ERR EXEC without MULTI");
}

}  // namespace hawser
