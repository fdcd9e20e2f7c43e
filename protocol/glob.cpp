#include "protocol/glob.hpp"

#include <cstddef>

namespace hawser::protocol {

namespace {

constexpr signed char to_signed(char c) {
  return static_cast<signed char>(c);
}

/// Bytes count as signed, and the ends may come in either order.
bool in_range(signed char one_end, signed char other_end, signed char c) {
  return one_end <= other_end ? one_end <= c && c <= other_end : other_end <= c && c <= one_end;
}

/// Whether the class whose inside begins at `p` has `c`; `p` moves behind the class.
bool fits_class(std::string_view pattern, std::size_t& p, char c) {
  const bool negated = p < pattern.size() && pattern[p] == '^';
  if (negated) ++p;
  bool found = false;
  for (; p < pattern.size(); ++p) {
    const std::size_t left = pattern.size() - p;
    if (left >= 2 && pattern[p] == '\\') {
      ++p;
      found = found || pattern[p] == c;
    } else if (pattern[p] == ']') {
      ++p;
      break;
    } else if (left >= 3 && pattern[p + 1] == '-') {
      found = found || in_range(to_signed(pattern[p]), to_signed(pattern[p + 2]), to_signed(c));
      p += 2;
    } else {
      found = found || pattern[p] == c;
    }
  }
  return found != negated;
}

/// Whether what stands at `p`, which is no star, fits `c`; `p` moves behind it.
bool fits_byte(std::string_view pattern, std::size_t& p, char c) {
  if (p == pattern.size()) return false;
  const char first = pattern[p++];
  if (first == '?') return true;
  if (first == '[') return fits_class(pattern, p, c);
  if (first == '\\' && p < pattern.size()) return pattern[p++] == c;
  return first == c;
}

std::size_t skip_stars(std::string_view pattern, std::size_t p) {
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  if (text.empty()) return pattern.empty();
  // All but a star takes exactly one byte, so what stands between two stars may be put at the first
  // place where it fits: only the last star is ever tried again, further on.
  bool had_star = false;
  std::size_t behind_star = 0;
  std::size_t tried = 0;  ///< Where in the text what is behind the last star was put.
  std::size_t p = 0;
  std::size_t t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      p = skip_stars(pattern, p);
      if (p == pattern.size()) return true;
      had_star = true;
      behind_star = p;
      tried = t;
    } else if (fits_byte(pattern, p, text[t])) {
      ++t;
    } else if (had_star) {
      p = behind_star;
      t = ++tried;
    } else {
      return false;
    }
  }
  return skip_stars(pattern, p) == pattern.size();
}

}  // namespace hawser::protocol
