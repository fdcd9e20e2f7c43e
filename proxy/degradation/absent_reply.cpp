#include "proxy/degradation/absent_reply.hpp"

#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

void append_nulls(protocol::ReplyWriter& reply, std::size_t count) {
  reply.array(count);
  for (std::size_t i = 0; i < count; ++i) reply.null();
}

}  // namespace

bool append_absent_reply(const Request& request, protocol::RespVersion version, std::string& out) {
  if (request.command == nullptr || !request.command->accepts(request.argc())) return false;
  const std::string_view name = request.command->name;
  protocol::ReplyWriter reply(out, version);
  if (name == "get" || name == "hget") {
    reply.null();
  } else if (name == "mget") {
    append_nulls(reply, request.argc() - 1);
  } else if (name == "hmget") {
    append_nulls(reply, request.argc() - 2);
  } else if (name == "strlen" || name == "exists") {
    reply.integer(0);
  } else if (name == "ttl" || name == "pttl") {
    reply.integer(-2);
  } else if (name == "hgetall") {
    reply.map(0);
  } else if (name == "getrange" && to_integer(request.arg(2)) && to_integer(request.arg(3))) {
    reply.bulk("");
  } else {
    return false;
  }
  return true;
}

}  // namespace hawser
