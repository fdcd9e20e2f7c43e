#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/cache/leases/lease_token.hpp"
#include "proxy/traffic/request.hpp"

namespace hawser {

/// What a CACHE command says. Views into the request.
struct CacheSet {
  std::string_view key;
  std::string_view value;
  std::optional<std::int64_t> life_ms;  ///< Nothing: for ever.
  std::vector<std::string_view> tags;
  std::optional<LeaseToken> lease;
};
struct CacheGet {
  std::string_view key;
  std::optional<std::int64_t> lease_ms;
  std::optional<std::int64_t> stale_ms;
};
struct CacheTag {
  std::string_view key;
  std::vector<std::string_view> tags;
  bool removes = false;  ///< CACHE.UNTAG
};
struct CacheInvalidate {
  std::vector<std::string_view> tags;
  bool is_async = false;
};
/// The error a client gets, without '-' and line end.
struct CacheError {
  std::string text;
};

using CacheCommand = std::variant<CacheError, CacheSet, CacheGet, CacheTag, CacheInvalidate>;

/// Reads a request for one of the cache commands by its row. Errors are worded as Redis would.
/// Pure.
CacheCommand parse_cache_command(const Request& request);

}  // namespace hawser
