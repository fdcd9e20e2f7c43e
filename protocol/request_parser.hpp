#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/limits.hpp"

namespace hawser::protocol {

/// Where one argument lies in the bytes of its request.
struct ArgSpan {
  std::size_t offset;
  std::size_t size;
};

/// Finds one request (multibulk or inline) at the front of a client's input, in place.
///
/// Pure: no I/O, no settings object. It keeps its place between calls, so that bytes already looked
/// at are not looked at again when a request arrives in pieces. One instance may serve any number
/// of connections as long as each leaves it with `complete`, `empty` or `error` (or calls reset());
/// a connection that keeps an incomplete request keeps the parser of it as well.
class RequestParser {
 public:
  enum class Status : std::uint8_t {
    complete,    ///< A request with at least one argument; take it, then drop consumed() bytes.
    empty,       ///< `*0`, `*-1` or an empty line: no request, drop consumed() bytes.
    incomplete,  ///< Call again with the same bytes followed by more (they may have moved).
    error,       ///< error() says what; the connection cannot be read any further.
  };

  explicit RequestParser(const Limits& limits) : limits_(limits) {}

  /// Looks for one request at the front of `input`. After `incomplete` the next call must be given
  /// input that begins with the same bytes. What raw() and arg() return is valid until the next
  /// call, and only while `input` is.
  Status parse(std::string_view input);

  /// Bytes of input that the request (or the empty line) took.
  std::size_t consumed() const { return position_; }
  /// The request as it was received.
  std::string_view raw() const { return {input_, position_}; }
  /// Whether raw() is well-formed multibulk that any server reads the same way. False for inline
  /// requests and for those whose line ends Redis does not check (it skips two bytes after a length
  /// and after an argument, whatever they are): such a request must be encoded anew from arg().
  bool canonical() const { return canonical_; }

  std::size_t argc() const { return args_.size(); }
  std::string_view arg(std::size_t i) const { return {base_ + args_[i].offset, args_[i].size}; }
  const char* base() const { return base_; }
  const std::vector<ArgSpan>& args() const { return args_; }

  /// After `incomplete`: at least so many bytes are missing yet (1 or more). Known exactly to the
  /// end of the argument being read, so that a caller can make room for a large one at once.
  std::size_t bytes_missing() const { return missing_; }

  /// After `error`: Redis' own words without the leading "-ERR ", e.g.
  /// "Protocol error: invalid bulk length".
  std::string_view error() const { return error_; }

  /// Forgets a request half read.
  void reset();

 private:
  Status parse_inline(std::string_view input);
  Status parse_arguments(const char* p, const char* end);
  bool split_inline(const char* p, const char* end);
  bool find_line_end(const char* line, const char* end, const char* too_long, const char*& cr);
  Status fail(std::string_view message);
  Status wait(const char* p, std::size_t missing);

  Limits limits_;
  const char* input_ = nullptr;
  const char* base_ = nullptr;
  std::size_t position_ = 0;  ///< Everything before it is dealt with.
  std::size_t scanned_ = 0;   ///< Bytes behind position_ known to hold no line end.
  std::size_t missing_ = 0;
  std::int64_t arguments_left_ = 0;
  std::int64_t bulk_bytes_ = -1;  ///< Size of the argument at position_; -1: not read yet.
  bool in_request_ = false;       ///< The count line was read, arguments are to follow.
  bool canonical_ = true;
  bool failed_ = false;
  std::vector<ArgSpan> args_;
  std::string inline_bytes_;  ///< Unquoted arguments of an inline request.
  std::string error_;
};

/// Appends `args` as a multibulk request.
void append_command(std::string& out, const std::vector<std::string_view>& args);

}  // namespace hawser::protocol
