#include "protocol/request_parser.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/pieces.hpp"

namespace hawser::protocol {
namespace {

using Status = RequestParser::Status;
using Events = std::vector<std::string>;
using namespace std::string_literals;

std::string describe(const RequestParser& parser) {
  std::string text;
  for (std::size_t i = 0; i < parser.argc(); ++i) text.append("[").append(parser.arg(i)) += ']';
  if (!parser.canonical()) text += " not canonical";
  return text;
}

// What a connection sees whose input arrives in these pieces: every request as "[arg][arg]",
// "empty", "error: ..." (the last event then), and "incomplete" if something is left over.
Events read_all(const std::vector<std::string_view>& pieces, const Limits& limits) {
  RequestParser parser(limits);
  Events events;
  std::string pending;
  std::size_t enough = 0;  // pending cannot be a whole request before it has so many bytes
  for (const std::string_view piece : pieces) {
    pending.append(piece);
    while (!pending.empty()) {
      const test::ExactBlock block(pending);
      const Status status = parser.parse(block.view());
      if (status == Status::incomplete) {
        EXPECT_GE(parser.bytes_missing(), 1U);
        enough = pending.size() + parser.bytes_missing();
        break;
      }
      if (status == Status::error) {
        events.push_back("error: " + std::string(parser.error()));
        return events;
      }
      EXPECT_GE(pending.size(), enough) << "bytes_missing() promised too much";
      enough = 0;
      EXPECT_GE(parser.consumed(), 1U);
      EXPECT_LE(parser.consumed(), pending.size());
      EXPECT_EQ(parser.raw(), block.view().substr(0, parser.consumed()));
      events.push_back(status == Status::empty ? "empty" : describe(parser));
      pending.erase(0, parser.consumed());
    }
  }
  if (!pending.empty()) events.push_back("incomplete");
  return events;
}

void expect_events(std::string_view input, const Events& expected, const Limits& limits = {}) {
  test::for_every_split(input, [&](const std::vector<std::string_view>& pieces) {
    EXPECT_EQ(read_all(pieces, limits), expected)
        << "first piece " << pieces.front().size() << " of " << input.size() << " bytes: " << input;
  });
}

TEST(RequestParser, MultibulkRequest) {
  expect_events("*2\r\n$3\r\nGET\r\n$16\r\nkey:000000001234\r\n", {"[GET][key:000000001234]"});
  expect_events("*1\r\n$4\r\nPING\r\n", {"[PING]"});
}

TEST(RequestParser, EmptyArguments) {
  expect_events("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n", {"[SET][][]"});
  expect_events("*1\r\n$0\r\n\r\n", {"[]"});
}

TEST(RequestParser, ArgumentsHoldAnyByte) {
  expect_events("*2\r\n$4\r\nECHO\r\n$9\r\n\r\n*1\r\n\0$\xff\r\n"s, {"[ECHO][\r\n*1\r\n\0$\xff]"s});
}

TEST(RequestParser, LengthsOfOneToFiveDigits) {
  for (const std::size_t size : {9U, 10U, 99U, 100U, 999U, 1000U}) {
    const std::string value(size, 'v');
    std::string input;
    append_command(input, {"ECHO", value});
    expect_events(input, {"[ECHO][" + value + "]"});
  }
  for (const std::size_t size : {9999U, 10000U, 123456U}) {
    const std::string value(size, 'v');
    std::string input;
    append_command(input, {"ECHO", value});
    const Events expected = {"[ECHO][" + value + "]"};
    EXPECT_EQ(read_all({input}, {}), expected);
    EXPECT_EQ(read_all({input.substr(0, 20), input.substr(20)}, {}), expected);
  }
}

TEST(RequestParser, ManyArguments) {
  std::vector<std::string_view> args(1200, "x");
  std::string input;
  append_command(input, args);
  std::string expected;
  for (std::size_t i = 0; i < args.size(); ++i) expected += "[x]";
  EXPECT_EQ(read_all({input}, {}), Events{expected});
}

TEST(RequestParser, PipelinedRequestsOneByOne) {
  expect_events("*1\r\n$4\r\nPING\r\n*0\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n\r\n*1\r\n$4",
                {"[PING]", "empty", "[PING] not canonical", "[GET][a]", "empty", "incomplete"});
}

TEST(RequestParser, CountsOfZeroAndBelowAreNoRequest) {
  expect_events("*0\r\n", {"empty"});
  expect_events("*-1\r\n", {"empty"});
  expect_events("*-9223372036854775808\r\n", {"empty"});
  expect_events("\r\n", {"empty"});
  expect_events("\n", {"empty"});
  expect_events(" \t \r\n", {"empty"});
}

// Behind the bad line follows nothing, or enough for the fast way of reading it.
constexpr std::string_view kFollowing[] = {"", "$4\r\nPING\r\n"};

TEST(RequestParser, CountIsNoInteger) {
  for (const char* count : {"",
                            "a",
                            "1a",
                            "01",
                            "00",
                            "001",
                            "1x1",
                            "12x",
                            "123x",
                            "1234x",
                            "1234\n",
                            "1:",
                            "1/",
                            "+1",
                            "-0",
                            "-",
                            " 1",
                            "1 ",
                            "--1",
                            "3\n",
                            "2147483648",
                            "9223372036854775808",
                            "-9223372036854775809",
                            "123456789012345678901234567890"}) {
    for (const std::string_view following : kFollowing) {
      std::string input = "*";
      input.append(count).append("\r\n").append(following);
      expect_events(input, {"error: Protocol error: invalid multibulk length"});
    }
  }
}

TEST(RequestParser, CountOfTheLargestIntegerAllocatesNothing) {
  RequestParser parser{Limits{}};
  EXPECT_EQ(parser.parse("*2147483647\r\n$1\r\na\r\n"), Status::incomplete);
  EXPECT_LT(parser.args().capacity(), 100U);
}

TEST(RequestParser, CountAboveTheLimit) {
  Limits limits;
  limits.max_arguments = 3;
  expect_events("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", {"[a][b][c]"}, limits);
  expect_events("*4\r\n", {"error: Protocol error: invalid multibulk length"}, limits);
}

TEST(RequestParser, NoDollarWhereALengthBelongs) {
  expect_events("*1\r\nabc\r\n", {"error: Protocol error: expected '$', got 'a'"});
  expect_events("*1\r\n:1\r\n", {"error: Protocol error: expected '$', got ':'"});
  expect_events("*2\r\n$1\r\na\r\n\x01\r\n", {"error: Protocol error: expected '$', got '\x01'"});
  expect_events("*1\r\n\r\n\r\n", {"error: Protocol error: expected '$', got '\r'"});
}

TEST(RequestParser, BulkLengthIsNoLength) {
  for (const char* length : {"", "a", "1a", "01", "00", "1234x", "1234\n", "+1", "-1", "-0", " 1",
                             "1 ", "536870913", "9223372036854775807", "18446744073709551617"}) {
    for (const std::string_view following : kFollowing) {
      std::string input = "*1\r\n$";
      input.append(length).append("\r\n").append(following);
      expect_events(input, {"error: Protocol error: invalid bulk length"});
    }
  }
}

TEST(RequestParser, LineFeedAloneDoesNotEndALengthLine) {
  expect_events("*1\n$4\r\nPING\r\n", {"error: Protocol error: invalid multibulk length"});
  expect_events("*1\r\n$1234x\nPING\r\n", {"error: Protocol error: invalid bulk length"});
}

TEST(RequestParser, BulkAboveTheLimitIsRefusedAtItsLengthLine) {
  Limits limits;
  limits.max_bulk_bytes = 5;
  expect_events("*1\r\n$5\r\nabcde\r\n", {"[abcde]"}, limits);
  expect_events("*1\r\n$6\r\n", {"error: Protocol error: invalid bulk length"}, limits);
}

TEST(RequestParser, LargestBulkIsWaitedForWithAnExactCount) {
  RequestParser parser{Limits{}};
  EXPECT_EQ(parser.parse("*1\r\n$536870912\r\nabc"), Status::incomplete);
  EXPECT_EQ(parser.bytes_missing(), 536870912U + 2 - 3);
}

TEST(RequestParser, LengthLinesWithoutEnd) {
  Limits limits;
  limits.max_inline_bytes = 8;
  expect_events("*1234567", {"incomplete"}, limits);
  expect_events("*12345678", {"error: Protocol error: too big mbulk count string"}, limits);
  expect_events("*12345678\r\n", {"error: Protocol error: too big mbulk count string"}, limits);
  expect_events("*1\r\n$1234567", {"incomplete"}, limits);
  expect_events("*1\r\n$12345678", {"error: Protocol error: too big bulk count string"}, limits);
}

TEST(RequestParser, BytesAfterLengthsAndArgumentsAreSkippedUnseenAsInRedis) {
  expect_events("*1\rX$4\r\nPING\r\n", {"[PING] not canonical"});
  expect_events("*1\r\n$4\rXPING\r\n", {"[PING] not canonical"});
  expect_events("*1\r\n$4\r\nPINGXY", {"[PING] not canonical"});
  expect_events("*2\r\n$1\r\na\n\r$1\r\nb\r\n", {"[a][b] not canonical"});
  expect_events("*0\rX*1\r\n$4\r\nPING\r\n", {"empty", "[PING]"});
}

TEST(RequestParser, InlineRequests) {
  expect_events("PING\r\n", {"[PING] not canonical"});
  expect_events("PING\n", {"[PING] not canonical"});
  expect_events("  set  a\tb \r\n", {"[set][a][b] not canonical"});
  expect_events("a\rb\r\n", {"[a][b] not canonical"});
  expect_events("a \v\fb\v \"c\"\f\r\n", {"[a][b\v][c] not canonical"});
  expect_events("PING", {"incomplete"});
  expect_events("$3\r\n", {"[$3] not canonical"});
}

TEST(RequestParser, InlineQuotes) {
  expect_events(R"(set k "a b")"
                "\r\n",
                {"[set][k][a b] not canonical"});
  expect_events(R"(e "\x41\xfF\n\r\t\b\a\"\\\q\x4g")"
                "\r\n",
                {"[e][A\xff\n\r\t\b\a\"\\qx4g] not canonical"});
  expect_events(R"(e 'a\'b\n"c')"
                "\r\n",
                {"[e][a'b\\n\"c] not canonical"});
  expect_events("e \"\" ''\r\n", {"[e][][] not canonical"});
  expect_events("e ab\"c d\"\r\n", {"[e][abc d] not canonical"});
  expect_events("e \"\\x00\"\r\n", {"[e][\0] not canonical"s});
}

TEST(RequestParser, InlineQuotesUnbalanced) {
  for (const char* line :
       {"\"a", "'a", "e \"a\\\"", "e 'a\\'", "\"a\"b", "'a'b", "\"a\"\"b\"", "\"\\"}) {
    expect_events(std::string(line) + "\r\n",
                  {"error: Protocol error: unbalanced quotes in request"});
  }
}

TEST(RequestParser, InlineLineTooLong) {
  Limits limits;
  limits.max_inline_bytes = 8;
  expect_events("1234567\r\n", {"[1234567] not canonical"}, limits);
  expect_events("12345678\n", {"[12345678] not canonical"}, limits);
  expect_events("12345678", {"incomplete"}, limits);
  expect_events("123456789", {"error: Protocol error: too big inline request"}, limits);
  expect_events("123456789\n", {"error: Protocol error: too big inline request"}, limits);
}

TEST(RequestParser, InlineNulIsRefused) {
  expect_events("a\0b\r\n"s, {"error: Protocol error: NUL byte in inline request"});
  expect_events("PING\r\n\0\r\n"s,
                {"[PING] not canonical", "error: Protocol error: NUL byte in inline request"});
}

TEST(RequestParser, InlineArgumentsSurviveTheirLongNeighbours) {
  const std::string longer(3000, 'x');
  EXPECT_EQ(read_all({"a " + longer + " b\r\n"}, {}),
            Events{"[a][" + longer + "][b] not canonical"});
}

TEST(RequestParser, ResetForgetsAHalfReadRequest) {
  RequestParser parser{Limits{}};
  ASSERT_EQ(parser.parse("*2\r\n$3\r\nGET\r\n$5\r\nab"), Status::incomplete);
  parser.reset();
  ASSERT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Status::complete);
  EXPECT_EQ(describe(parser), "[PING]");
  ASSERT_EQ(parser.parse("PIN"), Status::incomplete);
  parser.reset();
  ASSERT_EQ(parser.parse("A\n"), Status::complete);
  EXPECT_EQ(describe(parser), "[A] not canonical");
}

TEST(RequestParser, ReadsOnAfterAnErrorOfAnotherConnection) {
  RequestParser parser{Limits{}};
  ASSERT_EQ(parser.parse("*2\r\n$1\r\na\r\n$x\r\n"), Status::error);
  EXPECT_EQ(parser.error(), "Protocol error: invalid bulk length");
  ASSERT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Status::complete);
  EXPECT_EQ(describe(parser), "[PING]");
  ASSERT_EQ(parser.parse("*x\r\n"), Status::error);
  EXPECT_EQ(parser.error(), "Protocol error: invalid multibulk length");
}

TEST(RequestParser, SteadyStateDoesNotAllocate) {
  RequestParser parser{Limits{}};
  const std::string input = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
  ASSERT_EQ(parser.parse(input), Status::complete);
  const ArgSpan* const storage = parser.args().data();
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(parser.parse(input), Status::complete);
    ASSERT_EQ(parser.args().data(), storage);
  }
}

TEST(RequestParser, RandomPipelinesInRandomPieces) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t n) { return random() % n; };
  for (int round = 0; round < 500; ++round) {
    std::string input;
    Events expected;
    for (std::size_t requests = 1 + below(5); requests > 0; --requests) {
      std::vector<std::string> args(1 + below(6));
      std::string text;
      for (std::string& arg : args) {
        arg.resize(below(4) == 0 ? below(300) : below(12));
        for (char& c : arg) c = below(2) == 0 ? "\r\n*$1"[below(5)] : static_cast<char>(random());
        text += "[" + arg + "]";
      }
      append_command(input, {args.begin(), args.end()});
      expected.push_back(text);
    }
    std::vector<std::string_view> pieces;
    for (std::string_view rest = input; !rest.empty(); rest.remove_prefix(pieces.back().size())) {
      pieces.push_back(rest.substr(0, 1 + below(40)));
    }
    ASSERT_EQ(read_all(pieces, {}), expected);
  }
}

TEST(AppendCommand, WritesMultibulk) {
  std::string out = "x";
  append_command(out, {"SET", "", "a\r\nb"});
  EXPECT_EQ(out, "x*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
}

}  // namespace
}  // namespace hawser::protocol
