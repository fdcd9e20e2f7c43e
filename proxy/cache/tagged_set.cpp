#include "proxy/cache/tagged_set.hpp"

#include <utility>

#include "protocol/request_parser.hpp"

namespace hawser {

namespace {

constexpr std::string_view kStored = "+OK\r\n";

}  // namespace

std::string TaggedSet::bytes() const {
  std::string out;
  out.reserve(value.size() + 3 * key.size() + 256);
  protocol::append_command(out, {"MULTI"});
  for (const std::string& index : indexes) {
    protocol::append_command(out, {"ZADD", index, score, key});
  }
  if (life_ms.empty()) {
    protocol::append_command(out, {"SET", key, value});
  } else {
    protocol::append_command(out, {"SET", key, value, "PX", life_ms});
  }
  protocol::append_command(out, {"EXEC"});
  return out;
}

void TaggedSetSink::on_reply(std::uint32_t place, Reply reply) {
  if (!slot_) return;
  const bool is_error = reply.bytes.starts_with('-');
  if (is_error && error_.empty()) error_ = reply.bytes;
  if (place != tags_ + 2) return;
  if (is_error) {
    // EXECABORT only says that something before it went wrong.
    finish(End::refused, error_);
    return;
  }
  // *<n>\r\n, an integer for each tag, then SET's reply.
  std::string_view rest = reply.bytes;
  rest.remove_prefix(std::min(rest.size(), rest.find("\r\n") + 2));
  std::string_view refusal;
  for (std::size_t i = 0; i < tags_ && !rest.empty(); ++i) {
    const std::size_t end = rest.find("\r\n") + 2;
    if (rest.starts_with('-') && refusal.empty()) refusal = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  const bool is_stored = rest == kStored;
  if (refusal.empty()) {
    finish(is_stored ? End::stored : End::refused, rest);
  } else {
    finish(is_stored ? End::unindexed : End::refused, refusal);
  }
}

void TaggedSetSink::on_failure(std::uint32_t /*place*/, Failure failure, std::int64_t number) {
  if (slot_) slot_.fail(failure, number);
}

void TaggedSetSink::on_expiry(std::uint32_t /*place*/, Failure failure, std::int64_t number) {
  if (slot_) slot_.expire(failure, number);  // Settled with this sink.
}

void TaggedSetSink::finish(End end, std::string_view reply) {
  told_(end);
  slot_.complete(reply);
}

}  // namespace hawser
