#include "protocol/request_parser.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "protocol/integer.hpp"

namespace hawser::protocol {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

// Redis skips any blank between arguments, but not all of them end one.
bool ends_argument(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Appends what the double-quoted string beginning at `p` (behind its quote) stands for. Returns the
// place behind the closing quote, or nullptr if there is none.
const char* unquote_double(const char* p, const char* end, std::string& out) {
  while (p != end) {
    if (*p == '"') return p + 1;
    if (*p == '\\' && end - p >= 4 && p[1] == 'x' && hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(p[2]) * 16 + hex_digit(p[3])));
      p += 4;
    } else if (*p == '\\' && end - p >= 2) {
      out.push_back(unescaped(p[1]));
      p += 2;
    } else {
      out.push_back(*p++);
    }
  }
  return nullptr;
}

const char* unquote_single(const char* p, const char* end, std::string& out) {
  while (p != end) {
    if (*p == '\'') return p + 1;
    if (*p == '\\' && end - p >= 2 && p[1] == '\'') ++p;
    out.push_back(*p++);
  }
  return nullptr;
}

}  // namespace

RequestParser::Status RequestParser::parse(std::string_view input) {
  input_ = input.data();
  base_ = input_;
  const char* p = input_;
  const char* const end = p + input.size();
  if (in_request_) return parse_arguments(p + position_, end);

  position_ = 0;
  if (p == end) return wait(p, 1);
  if (*p != '*') return parse_inline(input);

  args_.clear();
  canonical_ = true;
  std::int64_t count = 0;
  const char* next = nullptr;
  if (end - p > kShortLengthBytes) next = parse_short_length(p + 1, count);
  if (next == nullptr) {
    const char* cr = nullptr;
    if (!find_line_end(p, end, "Protocol error: too big mbulk count string", cr)) {
      return failed_ ? fail({}) : wait(p, 1);
    }
    if (!parse_integer(p + 1, cr, count)) {
      return fail("Protocol error: invalid multibulk length");
    }
    if (cr[1] != '\n') canonical_ = false;
    next = cr + 2;
  }
  scanned_ = 0;
  if (count > limits_.max_arguments) return fail("Protocol error: invalid multibulk length");
  if (count <= 0) {
    position_ = static_cast<std::size_t>(next - input_);
    return Status::empty;
  }
  arguments_left_ = count;
  bulk_bytes_ = -1;
  in_request_ = true;
  return parse_arguments(next, end);
}

RequestParser::Status RequestParser::parse_arguments(const char* p, const char* end) {
  std::int64_t left = arguments_left_;
  std::int64_t size = bulk_bytes_;
  do {
    if (size < 0) {
      const char* next = nullptr;
      if (end - p > kShortLengthBytes && *p == '$') next = parse_short_length(p + 1, size);
      if (next == nullptr) {
        arguments_left_ = left;
        bulk_bytes_ = -1;
        const char* cr = nullptr;
        if (!find_line_end(p, end, "Protocol error: too big bulk count string", cr)) {
          return failed_ ? fail({}) : wait(p, 1);
        }
        if (*p != '$') {
          std::string message = "Protocol error: expected '$', got '";
          message.push_back(*p);
          message.push_back('\'');
          return fail(message);
        }
        if (!parse_integer(p + 1, cr, size) || size < 0) {
          return fail("Protocol error: invalid bulk length");
        }
        if (cr[1] != '\n') canonical_ = false;
        next = cr + 2;
      }
      scanned_ = 0;
      if (static_cast<std::uint64_t>(size) > limits_.max_bulk_bytes) {
        return fail("Protocol error: invalid bulk length");
      }
      p = next;
    }
    const auto need = static_cast<std::size_t>(size) + kLineEnd.size();
    const auto have = static_cast<std::size_t>(end - p);
    if (have < need) {
      arguments_left_ = left;
      bulk_bytes_ = size;
      return wait(p, need - have);
    }
    args_.push_back({static_cast<std::size_t>(p - input_), static_cast<std::size_t>(size)});
    p += need;
    if (std::memcmp(p - kLineEnd.size(), kLineEnd.data(), kLineEnd.size()) != 0) canonical_ = false;
    size = -1;
  } while (--left != 0);
  in_request_ = false;
  position_ = static_cast<std::size_t>(p - input_);
  return Status::complete;
}

// A request that does not begin with '*': words in one line, as typed into telnet.
RequestParser::Status RequestParser::parse_inline(std::string_view input) {
  // Redis gives up once more than the limit has arrived without a line end; what comes behind the
  // limit is not looked at, so that the verdict does not depend on how the bytes arrive in pieces.
  const std::size_t window =
      input.size() <= limits_.max_inline_bytes ? input.size() : limits_.max_inline_bytes + 1;
  const std::string_view unseen = input.substr(scanned_, window - scanned_);
  const std::size_t found = unseen.find('\n');
  // Redis takes a NUL for the end of the buffer and would wait for a line end until its limit.
  if (unseen.substr(0, found).find('\0') != std::string_view::npos) {
    return fail("Protocol error: NUL byte in inline request");
  }
  if (found == std::string_view::npos) {
    if (input.size() > limits_.max_inline_bytes) {
      return fail("Protocol error: too big inline request");
    }
    scanned_ = window;
    missing_ = 1;
    return Status::incomplete;
  }
  const char* const newline = unseen.data() + found;
  const char* line_end = newline;
  if (line_end != input_ && line_end[-1] == '\r') --line_end;
  scanned_ = 0;
  args_.clear();
  canonical_ = false;
  if (!split_inline(input_, line_end)) {
    return fail("Protocol error: unbalanced quotes in request");
  }
  position_ = static_cast<std::size_t>(newline + 1 - input_);
  base_ = inline_bytes_.data();
  return args_.empty() ? Status::empty : Status::complete;
}

// Splits a line into arguments as sdssplitargs does; false if quotes are not closed, or a closing
// quote has something other than a blank behind it.
bool RequestParser::split_inline(const char* p, const char* end) {
  inline_bytes_.clear();
  while (true) {
    while (p != end && is_blank(*p)) ++p;
    if (p == end) return true;
    const std::size_t offset = inline_bytes_.size();
    while (p != end && !ends_argument(*p) && *p != '"' && *p != '\'') inline_bytes_.push_back(*p++);
    if (p != end && !ends_argument(*p)) {
      // Quotes may begin anywhere in an argument; where they close, it ends.
      p = *p == '"' ? unquote_double(p + 1, end, inline_bytes_)
                    : unquote_single(p + 1, end, inline_bytes_);
      if (p == nullptr || (p != end && !is_blank(*p))) return false;
    }
    args_.push_back({offset, inline_bytes_.size() - offset});
  }
}

// Finds the '\r' that ends a length line and makes sure that the byte behind it, which Redis skips
// unseen, has arrived. False if there is no whole line; failed_ then tells an error from a wait.
bool RequestParser::find_line_end(const char* line, const char* end, const char* too_long,
                                  const char*& cr) {
  const auto have = static_cast<std::size_t>(end - line);
  const std::size_t window = have <= limits_.max_inline_bytes ? have : limits_.max_inline_bytes + 1;
  const char* const stop = line + window;
  cr = std::find(line + scanned_, stop, '\r');
  if (cr == stop && have > limits_.max_inline_bytes) {
    error_ = too_long;
    failed_ = true;
    return false;
  }
  if (cr == stop || cr + 1 == end) {
    scanned_ = static_cast<std::size_t>(cr - line);
    return false;
  }
  return true;
}

RequestParser::Status RequestParser::fail(std::string_view message) {
  if (!failed_) error_ = message;
  const std::size_t position = position_;
  reset();
  position_ = position;
  return Status::error;
}

RequestParser::Status RequestParser::wait(const char* p, std::size_t missing) {
  position_ = static_cast<std::size_t>(p - input_);
  missing_ = missing;
  return Status::incomplete;
}

void RequestParser::reset() {
  position_ = 0;
  scanned_ = 0;
  missing_ = 0;
  arguments_left_ = 0;
  bulk_bytes_ = -1;
  in_request_ = false;
  canonical_ = true;
  failed_ = false;
  args_.clear();
}

void append_command(std::string& out, const std::vector<std::string_view>& args) {
  const auto append_length = [&out](char type, std::size_t n) {
    char digits[24];
    const auto written = std::to_chars(digits, digits + sizeof(digits), n);
    out.push_back(type);
    out.append(digits, written.ptr);
    out.append(kLineEnd);
  };
  append_length('*', args.size());
  for (const std::string_view arg : args) {
    append_length('$', arg.size());
    out.append(arg);
    out.append(kLineEnd);
  }
}

}  // namespace hawser::protocol
