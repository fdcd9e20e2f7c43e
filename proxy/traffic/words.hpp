#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

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

/// What Redis shows of an argument in its errors: "%.128s".
inline std::string_view quoted(std::string_view text) {
  return text.substr(0, std::min<std::size_t>(text.find('\0'), 128));
}

/// An integer argument; -1 if it is none.
inline std::int64_t to_number(std::string_view text) {
  std::int64_t value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace hawser
