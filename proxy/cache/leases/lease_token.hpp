#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hawser {

/// What a caller of CACHE.GET is given who is to compute a value:
/// "server-generation-sequence-nonce". It is good for as long as the same run of the server knows
/// the lease and the generation, and nothing the value depends on was invalidated after `sequence`.
/// Views into the token.
struct LeaseToken {
  std::uint64_t server = 0;  ///< See server_number(); in hex.
  std::string_view generation;
  std::string_view sequence;  ///< Decimal.
  std::string_view nonce;
};

/// Nothing: it is no token.
std::optional<LeaseToken> parse_lease_token(std::string_view text);

/// The number as in a token.
std::string to_hex(std::uint64_t number);

}  // namespace hawser
