#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace hawser::protocol {

/// Reads a decimal integer the way Redis does (string2ll in util.c): an optional '-', no '+', no
/// leading zeros, no blanks, nothing behind it, and it must fit. False if it is none; `value` is
/// then unchanged.
inline bool parse_integer(const char* begin, const char* end, std::int64_t& value) {
  const char* p = begin;
  if (p == end) return false;
  const bool negative = *p == '-';
  if (negative && ++p == end) return false;
  if (*p == '0') {
    if (negative || p + 1 != end) return false;
    value = 0;
    return true;
  }
  constexpr std::uint64_t kMax = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  const std::uint64_t limit = negative ? kMax + 1 : kMax;
  std::uint64_t magnitude = 0;
  for (; p != end; ++p) {
    const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit > 9 || magnitude > (limit - digit) / 10) return false;
    magnitude = magnitude * 10 + digit;
  }
  value = static_cast<std::int64_t>(negative ? std::uint64_t{0} - magnitude : magnitude);
  return true;
}

/// Reads a length of one to four digits and its "\r\n"; what almost every length line is. Needs
/// six readable bytes at `p`. Returns what follows the line, or nullptr if this is another kind of
/// line, right or wrong, which is then for the slow path to judge.
inline const char* parse_short_length(const char* p, std::int64_t& value) {
  unsigned n = static_cast<unsigned char>(p[0]) - unsigned{'0'};
  if (n > 9) return nullptr;
  if (p[1] != '\r') {
    if (n == 0) return nullptr;
    unsigned digit = static_cast<unsigned char>(p[1]) - unsigned{'0'};
    if (digit > 9) return nullptr;
    n = n * 10 + digit;
    ++p;
    if (p[1] != '\r') {
      digit = static_cast<unsigned char>(p[1]) - unsigned{'0'};
      if (digit > 9) return nullptr;
      n = n * 10 + digit;
      ++p;
      if (p[1] != '\r') {
        digit = static_cast<unsigned char>(p[1]) - unsigned{'0'};
        if (digit > 9 || p[2] != '\r') return nullptr;
        n = n * 10 + digit;
        ++p;
      }
    }
  }
  if (p[2] != '\n') return nullptr;
  value = n;
  return p + 3;
}

/// Bytes that must be readable for parse_short_length.
inline constexpr std::ptrdiff_t kShortLengthBytes = 6;

}  // namespace hawser::protocol
