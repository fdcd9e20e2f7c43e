#pragma once

#include <cstddef>
#include <cstdint>

namespace hawser::protocol {

/// What a peer may send before the parser calls it an error. The defaults are those of Redis 7.
struct Limits {
  /// Longest bulk string, bytes (Redis: proto-max-bulk-len).
  std::size_t max_bulk_bytes = std::size_t{512} << 20;
  /// Most arguments of one request (Redis: INT_MAX).
  std::int64_t max_arguments = 2147483647;
  /// Longest inline request, and longest length line of any kind, bytes (Redis:
  /// PROTO_INLINE_MAX_SIZE).
  std::size_t max_inline_bytes = std::size_t{64} << 10;
  /// Deepest nesting of a reply's aggregates. Any client's script can make Redis nest as deep as
  /// Lua's stack goes, just under 8000 (LUAI_MAXCSTACK): that must not end a shared connection.
  int max_depth = 10000;
};

}  // namespace hawser::protocol
