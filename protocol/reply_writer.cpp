#include "protocol/reply_writer.hpp"

#include <charconv>

namespace hawser::protocol {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kVerbatimFormat = "txt:";

template <typename Integer>
void append_integer(std::string& out, Integer value) {
  char digits[24];
  const auto written = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, written.ptr);
}

}  // namespace

void ReplyWriter::simple(std::string_view text) {
  out_.push_back('+');
  out_.append(text);
  out_.append(kLineEnd);
}

void ReplyWriter::error(std::string_view text) {
  out_.push_back('-');
  for (const char c : text) out_.push_back(c == '\r' || c == '\n' ? ' ' : c);
  out_.append(kLineEnd);
}

void ReplyWriter::integer(std::int64_t value) {
  out_.push_back(':');
  append_integer(out_, value);
  out_.append(kLineEnd);
}

void ReplyWriter::bulk(std::string_view bytes) {
  header('$', bytes.size());
  out_.append(bytes);
  out_.append(kLineEnd);
}

void ReplyWriter::verbatim(std::string_view text) {
  if (version_ == RespVersion::resp2) return bulk(text);
  header('=', kVerbatimFormat.size() + text.size());
  out_.append(kVerbatimFormat);
  out_.append(text);
  out_.append(kLineEnd);
}

void ReplyWriter::null() {
  out_.append(version_ == RespVersion::resp3 ? "_\r\n" : "$-1\r\n");
}

void ReplyWriter::null_array() {
  out_.append(version_ == RespVersion::resp3 ? "_\r\n" : "*-1\r\n");
}

void ReplyWriter::array(std::size_t elements) {
  header('*', elements);
}

void ReplyWriter::map(std::size_t pairs) {
  if (version_ == RespVersion::resp3) {
    header('%', pairs);
  } else {
    header('*', pairs * 2);
  }
}

void ReplyWriter::set(std::size_t elements) {
  header(version_ == RespVersion::resp3 ? '~' : '*', elements);
}

void ReplyWriter::push(std::size_t elements) {
  header(version_ == RespVersion::resp3 ? '>' : '*', elements);
}

void ReplyWriter::header(char type, std::uint64_t n) {
  out_.push_back(type);
  append_integer(out_, n);
  out_.append(kLineEnd);
}

}  // namespace hawser::protocol
