#include "proxy/transactions/splice.hpp"

#include <vector>

#include "protocol/reply_framer.hpp"

namespace hawser {

namespace {

/// Offsets of the elements and of the end; empty if `reply` is no array.
std::vector<std::size_t> offsets_of(std::string_view reply, const protocol::Limits& limits) {
  protocol::ReplyFramer framer(limits);
  framer.want_elements();
  if (framer.feed(reply) != protocol::ReplyFramer::Status::complete) return {};
  return framer.element_offsets();
}

}  // namespace

std::string splice(std::string_view reply, const std::map<std::size_t, std::string>& elements,
                   const protocol::Limits& limits) {
  const std::vector<std::size_t> offsets = offsets_of(reply, limits);
  std::string out;
  std::size_t at = 0;
  for (const auto& [index, element] : elements) {
    if (index + 1 >= offsets.size()) break;
    out += reply.substr(at, offsets[index] - at);
    out += element;
    at = offsets[index + 1];
  }
  return out += reply.substr(at);
}

std::string_view element_of(std::string_view reply, std::size_t index,
                            const protocol::Limits& limits) {
  const std::vector<std::size_t> offsets = offsets_of(reply, limits);
  if (index + 1 >= offsets.size()) return {};
  return reply.substr(offsets[index], offsets[index + 1] - offsets[index]);
}

}  // namespace hawser
