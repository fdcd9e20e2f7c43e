#include "protocol/request_parser.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "protocol/reply_framer.hpp"
#include "tests/integration/plain_redis.hpp"

namespace hawser::protocol {
namespace {

// Sends `bytes` as they are and returns the first whole reply, "closed" if none came before the
// end, or "nothing" if the server still waits for more after `silence_ms`.
std::string first_reply(const test::PlainRedis& server, std::string_view bytes, int silence_ms) {
  const test::Connection connection = server.connect();
  redisSetTimeout(connection.get(),
                  timeval{.tv_sec = silence_ms / 1000, .tv_usec = silence_ms % 1000 * 1000});
  EXPECT_EQ(send(connection->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
  std::string received;
  while (true) {
    ReplyFramer framer{Limits{}};
    if (framer.feed(received) == ReplyFramer::Status::complete) {
      return received.substr(0, framer.consumed());
    }
    char buffer[16384];
    const ssize_t n = recv(connection->fd, buffer, sizeof(buffer), 0);
    if (n == 0) return "closed";
    if (n < 0) return "nothing";
    received.append(buffer, static_cast<std::size_t>(n));
  }
}

TEST(RequestParserAgainstServer, SameErrorsInTheSameWords) {
  const test::PlainRedis server;
  const std::string long_line(70000, '1');
  for (const std::string& input : {
           std::string("*\r\n"),
           std::string("*x\r\n"),
           std::string("*01\r\n"),
           std::string("*+1\r\n"),
           std::string("*-0\r\n"),
           std::string("* 1\r\n"),
           std::string("*2147483648\r\n"),
           std::string("*9223372036854775808\r\n"),
           std::string("*1\r\nabc\r\n"),
           std::string("*1\r\n:1\r\n"),
           std::string("*1\r\n\x01\r\n"),
           std::string("*1\r\n\xff\r\n"),
           std::string("*1\r\n$\r\n"),
           std::string("*1\r\n$x\r\n"),
           std::string("*1\r\n$01\r\n"),
           std::string("*1\r\n$-1\r\n"),
           std::string("*1\r\n$+4\r\n"),
           std::string("*1\r\n$536870913\r\n"),
           std::string("*2\r\n$4\r\nECHO\r\n$1 \r\n"),
           "*" + long_line,
           "*1\r\n$" + long_line,
           "PING" + long_line,
           std::string("\"a\r\n"),
           std::string("'a\r\n"),
           std::string("\"a\"b\r\n"),
           std::string("ping \"\\\r\n"),
       }) {
    RequestParser parser{Limits{}};
    ASSERT_EQ(parser.parse(input), RequestParser::Status::error) << input.substr(0, 30);
    EXPECT_EQ(first_reply(server, input, 5000), "-ERR " + std::string(parser.error()) + "\r\n")
        << input.substr(0, 30);
  }
}

TEST(RequestParserAgainstServer, SameArguments) {
  const test::PlainRedis server;
  for (const std::string& input : {
           std::string("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"),
           std::string("*2\rX$4\rYECHO\r\n$1\rZa\r\n"),
           std::string("*2\r\n$4\r\nECHOab$1\r\naxy"),
           std::string("*0\r\n*-7\r\nECHO a\n"),
           std::string("\r\n \t\r\nECHO a\r\n"),
           std::string("ECHO a\r\n"),
           std::string("ECHO a\n"),
           std::string("ECHO \v a\f\r\n"),
           std::string("ECHO \"a\"\v\r\n"),
           std::string("ECHO a\rb\r\n"),
           std::string("ECHO \"a \\x41\\xff\\n\\r\\t\\b\\a\\q\\\\\\\"\\x4\"\r\n"),
           std::string("ECHO 'a\\'\\n\"b'\r\n"),
           std::string("ECHO a\"b c\"\r\n"),
           std::string("ECHO ''\r\n"),
           std::string("ECHO \"\\x00\"\r\n"),
       }) {
    RequestParser parser{Limits{}};
    std::string_view rest = input;
    RequestParser::Status status = parser.parse(rest);
    while (status == RequestParser::Status::empty) {
      rest.remove_prefix(parser.consumed());
      status = parser.parse(rest);
    }
    ASSERT_EQ(status, RequestParser::Status::complete) << input;
    std::string expected;
    if (parser.argc() == 2) {
      expected.append("$").append(std::to_string(parser.arg(1).size())).append("\r\n");
      expected.append(parser.arg(1)).append("\r\n");
    } else {
      expected = "-ERR wrong number of arguments for 'echo' command\r\n";
    }
    EXPECT_EQ(first_reply(server, input, 5000), expected) << input;
  }
}

TEST(RequestParserAgainstServer, WaitsWhereTheServerWaits) {
  const test::PlainRedis server;
  for (const std::string_view input :
       {"*1", "*1\r", "*1\r\n", "*1\r\nabc", "*1\r\n$4\r", "*1\r\n$4\r\nPING", "*1\r\n$4\r\nPING\r",
        "PING", "PING\r", "*2147483647\r\n", "*1\r\n$536870912\r\nabc"}) {
    RequestParser parser{Limits{}};
    EXPECT_EQ(parser.parse(input), RequestParser::Status::incomplete) << input;
    EXPECT_EQ(first_reply(server, input, 30), "nothing") << input;
  }
}

}  // namespace
}  // namespace hawser::protocol
