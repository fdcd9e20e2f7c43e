#include "proxy/traffic/request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hawser {
namespace {

/// What goes upstream for a request that came in as `input`.
std::string sent_for(std::string_view input) {
  protocol::RequestParser parser({});
  EXPECT_EQ(parser.parse(input), protocol::RequestParser::Status::complete);
  Request request;
  request.raw = parser.raw();
  request.base = parser.base();
  request.args = parser.args();
  request.canonical = parser.canonical();
  std::string scratch = "left over from the request before";
  return std::string(request.wire(scratch));
}

TEST(Request, CanonicalOneIsSentAsItCame) {
  const std::string input = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
  EXPECT_EQ(sent_for(input), input);
  EXPECT_EQ(sent_for(input + "*1\r\n$4\r\nPING\r\n"), input);
}

TEST(Request, CanonicalOneIsNotCopied) {
  const std::string input = "*1\r\n$4\r\nPING\r\n";
  Request request;
  request.raw = input;
  std::string scratch;
  EXPECT_EQ(request.wire(scratch).data(), input.data());
}

TEST(Request, InlineOneIsSentAsMultibulk) {
  EXPECT_EQ(sent_for("GET a\r\n"), "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
  EXPECT_EQ(sent_for("set k \"a\\r\\nb\"\n"), "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n");
  EXPECT_EQ(sent_for("SET k ''\r\n"), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
}

TEST(Request, LineEndsThatRedisDoesNotCheckAreMadeAnew) {
  EXPECT_EQ(sent_for("*2\r\n$3\r\nGET??$1\r\na!!"), "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
}

}  // namespace
}  // namespace hawser
