#include "tests/support/fake_redis.hpp"

#include "protocol/reply_writer.hpp"
#include "protocol/request_parser.hpp"

namespace hawser::test {

std::size_t FakeRedis::run(std::uint64_t id, std::size_t requests) {
  using Status = protocol::RequestParser::Status;
  Connection& connection = connections_.at(id);
  protocol::RequestParser parser({});
  std::size_t count = 0;
  while (count < requests && !connection.closed && !connection.input.empty()) {
    const Status status = parser.parse(connection.input);
    if (status == Status::incomplete) break;
    if (status != Status::complete || parser.argc() < 3) {
      checker_.on_garbage();
      connection.closed = true;
      break;
    }
    const std::string_view name = parser.arg(0);
    const std::string_view last = parser.arg(parser.argc() - 1);
    const std::string reply = execute(name, parser.arg(1), parser.arg(2), last);
    connection.closed = !checker_.on_executed(parser.raw(), last, reply);
    connection.output += reply;
    connection.input.erase(0, parser.consumed());
    ++count;
  }
  return count;
}

std::string FakeRedis::execute(std::string_view name, std::string_view key, std::string_view value,
                               std::string_view id) {
  std::string out;
  protocol::ReplyWriter reply(out, protocol::RespVersion::resp2);
  if (name == "SET") {
    values_[std::string(key)] = value;
    reply.simple("OK");
  } else if (name == "GET") {
    // The id shows whose reply it is.
    reply.bulk(std::string(id) + "=" + values_[std::string(key)]);
  } else {
    reply.integer(++numbers_[std::string(key)]);
  }
  return out;
}

}  // namespace hawser::test
