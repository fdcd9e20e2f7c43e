#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/integer.hpp"

namespace hawser {

/// Whether an argument is the word `lower`, in any case.
inline bool is_word(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

/// How much of a client's words Redis shows in an error.
inline constexpr std::size_t kMostQuoted = 128;

/// An argument as Redis shows it in an error: as far as a NUL.
inline std::string quoted(std::string_view text, std::size_t most = kMostQuoted) {
  return std::string(text.substr(0, std::min(text.find('\0'), most)));
}

inline std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

/// An integer argument as Redis takes it, or nothing.
inline std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  if (!protocol::parse_integer(text.data(), text.data() + text.size(), value)) return std::nullopt;
  return value;
}

/// An integer in what has been checked; -1 if it is none.
inline std::int64_t to_number(std::string_view text) {
  std::int64_t value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace hawser
