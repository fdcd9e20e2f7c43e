#include "proxy/log_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <variant>

namespace hawser {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct CodePoint {
  char32_t value = kReplacement;
  std::size_t length = 1;  // bytes taken from the input
};

/// The code point at the front of `text` (not empty). A byte that starts no well-formed sequence
/// (overlong, surrogate, out of range, cut short) is taken alone, as a replacement character.
CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  char32_t value = 0;
  char32_t smallest = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2, value = first & 0x1FU, smallest = 0x80;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3, value = first & 0x0FU, smallest = 0x800;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4, value = first & 0x07U, smallest = 0x10000;
  }
  if (length == 0 || text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest || value > 0x10FFFF || surrogate) return {};
  return {value, length};
}

void append_unicode_escape(std::string& out, char32_t value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 0xFU];
}

bool is_control(char32_t value) {
  return value < 0x20 || (value >= 0x7F && value <= 0x9F);
}

/// With `quoted`, quotes and backslashes are escaped as well.
void append_escaped(std::string& out, std::string_view text, bool quoted) {
  while (!text.empty()) {
    const CodePoint point = decode(text);
    const std::string_view bytes = text.substr(0, point.length);
    text.remove_prefix(point.length);
    if (point.value == U'\n') {
      out += "\\n";
    } else if (point.value == U'\r') {
      out += "\\r";
    } else if (point.value == U'\t') {
      out += "\\t";
    } else if (is_control(point.value)) {
      append_unicode_escape(out, point.value);
    } else if (quoted && (point.value == U'"' || point.value == U'\\')) {
      out += '\\';
      out += bytes;
    } else if (point.value == kReplacement) {
      out += "\xEF\xBF\xBD";
    } else {
      out += bytes;
    }
  }
}

template <typename Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), result.ptr);
}

void append_padded(std::string& out, std::uint64_t value, std::size_t width) {
  std::array<char, 20> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  const auto length = static_cast<std::size_t>(result.ptr - buffer.data());
  out.append(width > length ? width - length : 0, '0');
  out.append(buffer.data(), length);
}

bool needs_quotes(std::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](unsigned char c) {
           return c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F;
         });
}

struct JsonValue {
  std::string& out;
  void operator()(std::string_view value) const { append_json_string(out, value); }
  void operator()(std::int64_t value) const { append_number(out, value); }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(double value) const {
    // JSON has no infinities and no NaN.
    if (std::isfinite(value)) {
      append_number(out, value);
    } else {
      out += "null";
    }
  }
};

struct TextValue {
  std::string& out;
  void operator()(std::string_view value) const {
    if (!needs_quotes(value)) {
      append_escaped(out, value, false);
      return;
    }
    append_json_string(out, value);
  }
  void operator()(std::int64_t value) const { append_number(out, value); }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(double value) const { append_number(out, value); }
};

}  // namespace

std::string_view log_level_name(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return "trace";
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

void append_timestamp(std::string& out, std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto instant = floor<milliseconds>(time);
  const auto day = floor<days>(instant);
  const year_month_day date(day);
  const hh_mm_ss clock(instant - day);
  append_padded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, static_cast<std::uint64_t>(clock.hours().count()), 2);
  out += ':';
  append_padded(out, static_cast<std::uint64_t>(clock.minutes().count()), 2);
  out += ':';
  append_padded(out, static_cast<std::uint64_t>(clock.seconds().count()), 2);
  out += '.';
  append_padded(out, static_cast<std::uint64_t>(clock.subseconds().count()), 3);
  out += 'Z';
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, true);
  out += '"';
}

void append_json_line(std::string& out, std::chrono::system_clock::time_point time, LogLevel level,
                      std::string_view message, std::span<const LogField> fields) {
  out += R"({"ts":")";
  append_timestamp(out, time);
  out += R"(","level":")";
  out += log_level_name(level);
  out += R"(","msg":)";
  append_json_string(out, message);
  for (const LogField& field : fields) {
    out += ',';
    append_json_string(out, field.key);
    out += ':';
    std::visit(JsonValue{out}, field.value);
  }
  out += '}';
}

void append_text_line(std::string& out, std::chrono::system_clock::time_point time, LogLevel level,
                      std::string_view message, std::span<const LogField> fields) {
  constexpr std::size_t kLevelWidth = 5;
  append_timestamp(out, time);
  out += ' ';
  const std::string_view name = log_level_name(level);
  out += name;
  out.append(kLevelWidth - name.size() + 1, ' ');
  append_escaped(out, message, false);
  for (const LogField& field : fields) {
    out += ' ';
    append_escaped(out, field.key, false);
    out += '=';
    std::visit(TextValue{out}, field.value);
  }
}

}  // namespace hawser
