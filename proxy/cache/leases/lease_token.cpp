#include "proxy/cache/leases/lease_token.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace hawser {

namespace {

bool is_all(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace

std::optional<LeaseToken> parse_lease_token(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::size_t kLongestNumber = 16;  // Below 2^53, so that Redis' scores are exact.
  std::array<std::string_view, 4> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 < parts.size() ? text.find('-') : text.size();
    if (end == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const bool is_token = is_all(parts[0], kHex) && parts[0].size() <= kLongestNumber &&
                        is_all(parts[1], kHex) && is_all(parts[2], kHex.substr(0, 10)) &&
                        parts[2].size() <= kLongestNumber && is_all(parts[3], kHex);
  if (!is_token) return std::nullopt;
  LeaseToken token{0, parts[1], parts[2], parts[3]};
  std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), token.server, 16);
  return token;
}

std::string to_hex(std::uint64_t number) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  return {digits.data(), end};
}

}  // namespace hawser
