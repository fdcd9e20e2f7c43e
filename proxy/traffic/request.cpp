#include "proxy/traffic/request.hpp"

namespace hawser {

std::string_view Request::wire(std::string& scratch) const {
  if (canonical) return raw;
  std::vector<std::string_view> words;
  words.reserve(args.size());
  for (std::size_t i = 0; i < argc(); ++i) words.push_back(arg(i));
  scratch.clear();
  protocol::append_command(scratch, words);
  return scratch;
}

}  // namespace hawser
