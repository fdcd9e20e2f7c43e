// Any input, read whole and in two pieces: the same requests, and never more consumed than given.
// The first byte says where to cut.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/request_parser.hpp"

namespace {

using hawser::protocol::RequestParser;

void require(bool holds) {
  if (!holds) std::abort();
}

// Reads what there is and drops it from `pending`. False after an error.
bool read(RequestParser& parser, std::string& pending, std::string& seen) {
  while (!pending.empty()) {
    const auto block = std::make_unique<char[]>(pending.size());
    pending.copy(block.get(), pending.size());
    const auto status = parser.parse({block.get(), pending.size()});
    if (status == RequestParser::Status::incomplete) {
      require(parser.bytes_missing() > 0);
      return true;
    }
    if (status == RequestParser::Status::error) {
      seen.append("error ").append(parser.error());
      return false;
    }
    require(parser.consumed() > 0 && parser.consumed() <= pending.size());
    for (std::size_t i = 0; i < parser.argc(); ++i) seen.append("[").append(parser.arg(i));
    if (status == RequestParser::Status::complete && parser.canonical()) {
      std::vector<std::string_view> args;
      for (std::size_t i = 0; i < parser.argc(); ++i) args.push_back(parser.arg(i));
      std::string encoded;
      hawser::protocol::append_command(encoded, args);
      require(encoded == parser.raw());
    }
    seen.append(status == RequestParser::Status::empty ? "empty" : "]");
    pending.erase(0, parser.consumed());
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string input(data + 1, data + size);
  const hawser::protocol::Limits limits{
      .max_bulk_bytes = 1024, .max_arguments = 100, .max_inline_bytes = 64, .max_depth = 4};

  RequestParser parser(limits);
  std::string whole;
  std::string pending = input;
  const bool readable = read(parser, pending, whole);

  RequestParser in_pieces(limits);
  const std::size_t cut = data[0] % (input.size() + 1);
  std::string split;
  std::string rest = input.substr(0, cut);
  bool split_readable = read(in_pieces, rest, split);
  if (split_readable) {
    rest.append(input, cut);
    split_readable = read(in_pieces, rest, split);
  }
  require(readable == split_readable && whole == split && (!readable || pending == rest));
  return 0;
}
