#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/limits.hpp"

namespace hawser::protocol {

/// Finds where one reply (RESP2, or RESP3 as Redis sends it) ends, without decoding it.
///
/// Pure and incremental: give it what has arrived, it says how far the present reply reaches. It
/// does not look at bytes twice: what it has consumed must not be given again. Only an unfinished
/// line (a length, a number, a simple string) is left unconsumed; the caller keeps those bytes and
/// gives them again together with what follows.
/// Attributes (`|`) belong to the reply they precede. Streamed types (`$?`, `*?`), which no Redis
/// sends, are errors.
class ReplyFramer {
 public:
  enum class Status : std::uint8_t { complete, incomplete, error };

  explicit ReplyFramer(const Limits& limits) : limits_(limits) { reset(); }

  /// Continues the present reply with `input`. Afterwards consumed() says how many bytes of `input`
  /// belong to it. After `complete` the next call begins a new reply. After `error` the connection
  /// cannot be framed any further.
  Status feed(std::string_view input);

  std::size_t consumed() const { return consumed_; }

  /// The type byte of the present reply, behind any attribute: one of + - : $ * _ , ( = # ! % ~ >
  /// Known from the first fed byte that shows it; 0 before.
  char type() const { return type_; }
  bool is_push() const { return type_ == '>'; }
  bool is_error() const { return type_ == '-' || type_ == '!'; }

  /// After `incomplete`: bytes known to be missing yet of the string being read (its line end
  /// included); 0 where only a line is unfinished.
  std::size_t bytes_missing() const { return bulk_left_; }

  /// From now on note where the elements of the outermost array, set or push begin (offsets from
  /// the first byte fed of the reply). Call before a reply's first byte; cleared by it being taken.
  void want_elements() { want_elements_ = true; }
  /// After `complete`, if want_elements() was called: n+1 offsets of n elements (the last one is
  /// the end of the reply). Empty if the reply was no array. Valid until the next feed().
  const std::vector<std::size_t>& element_offsets() const { return elements_; }

  /// Starts over with a new reply.
  void reset();

 private:
  enum class Step : std::uint8_t { go_on, value_done, wait, fail };

  Step take_string(const char*& p, const char* end);
  Step take_header(const char*& p, const char* end);
  Step find_line_end(const char* line, const char* end, std::size_t limit, const char*& cr);
  Step begin_aggregate(char type, std::int64_t count);
  void note_element(std::size_t offset);
  bool finish_value();
  void begin_reply();

  Limits limits_;
  std::size_t consumed_ = 0;
  std::size_t total_ = 0;      ///< Bytes of the present reply consumed before this feed().
  std::size_t bulk_left_ = 0;  ///< Bytes of the present string yet to come, CRLF included.
  std::size_t scanned_ = 0;    ///< Bytes of the unfinished line known to hold no line end.
  char type_ = 0;
  bool complete_ = true;
  bool want_elements_ = false;
  bool collecting_ = false;
  bool after_attribute_ = false;  ///< The value to come carries the attribute just read.
  // Values yet to come on each open level. An attribute's level is stored as the complement (~n),
  // since its end does not finish a value: the value it belongs to follows.
  std::vector<std::int64_t> left_;
  std::vector<std::size_t> elements_;
};

/// First word of an error reply (`-WRONGTYPE Operation ...` or a RESP3 `!` blob error) without its
/// type byte; empty if `reply` is no error. `reply` must be complete.
std::string_view error_word(std::string_view reply);

/// The text of a simple or blob error reply without type byte and line end; empty if it is no
/// error.
std::string_view error_text(std::string_view reply);

}  // namespace hawser::protocol
