#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hawser::protocol {

enum class RespVersion : std::uint8_t { resp2 = 2, resp3 = 3 };

/// Appends RESP replies to a string, each shaped for the client's protocol version the way Redis
/// shapes it (a map is a flat array in RESP2, a null is `$-1` or `_`).
class ReplyWriter {
 public:
  ReplyWriter(std::string& out, RespVersion version) : out_(out), version_(version) {}

  void simple(std::string_view text);  ///< +text
  /// -text; line breaks inside become blanks. `text` includes its prefix word ("ERR ...").
  void error(std::string_view text);
  void integer(std::int64_t value);      ///< :value
  void bulk(std::string_view bytes);     ///< $n bytes
  void verbatim(std::string_view text);  ///< =n txt:... in RESP3, a bulk string in RESP2
  void null();                           ///< _ in RESP3, $-1 in RESP2
  void null_array();                     ///< _ in RESP3, *-1 in RESP2
  void array(std::size_t elements);      ///< header only; the elements follow
  void map(std::size_t pairs);           ///< header only; %n in RESP3, *2n in RESP2
  void set(std::size_t elements);        ///< header only; ~n in RESP3, *n in RESP2
  void push(std::size_t elements);       ///< header only; >n in RESP3, *n in RESP2

 private:
  void header(char type, std::uint64_t n);

  std::string& out_;
  RespVersion version_;
};

}  // namespace hawser::protocol
