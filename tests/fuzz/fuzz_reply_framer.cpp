// Any input, framed whole and in two pieces: the same replies with the same elements, and never
// more consumed than given. The first byte says where to cut.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/reply_framer.hpp"

namespace {

using hawser::protocol::ReplyFramer;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Stream {
  ReplyFramer framer;
  std::string unread;
  std::string reply;
  std::string seen;

  explicit Stream(const hawser::protocol::Limits& limits) : framer(limits) {
    framer.want_elements();
  }

  // False after an error.
  bool read(std::string_view bytes) {
    unread.append(bytes);
    while (!unread.empty()) {
      const auto block = std::make_unique<char[]>(unread.size());
      unread.copy(block.get(), unread.size());
      const auto status = framer.feed({block.get(), unread.size()});
      require(framer.consumed() <= unread.size());
      if (status == ReplyFramer::Status::error) return false;
      reply.append(unread, 0, framer.consumed());
      unread.erase(0, framer.consumed());
      if (status == ReplyFramer::Status::incomplete) return true;
      seen.push_back(framer.type());
      seen.append(std::to_string(reply.size()));
      for (const std::size_t offset : framer.element_offsets()) {
        require(offset <= reply.size());
        seen.append(" ").append(std::to_string(offset));
      }
      seen.append(hawser::protocol::error_word(reply)).push_back('\n');
      require(framer.is_error() || hawser::protocol::error_text(reply).empty());
      reply.clear();
      framer.want_elements();
    }
    return true;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string input(data + 1, data + size);
  const std::string_view view = input;
  const hawser::protocol::Limits limits{
      .max_bulk_bytes = 1024, .max_arguments = 100, .max_inline_bytes = 64, .max_depth = 4};

  Stream whole(limits);
  const bool readable = whole.read(view);

  Stream split(limits);
  const std::size_t cut = data[0] % (input.size() + 1);
  const bool split_readable = split.read(view.substr(0, cut)) && split.read(view.substr(cut));
  require(readable == split_readable && whole.seen == split.seen);
  if (readable) require(whole.reply + whole.unread == split.reply + split.unread);
  return 0;
}
