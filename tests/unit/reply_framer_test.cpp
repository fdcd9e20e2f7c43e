#include "protocol/reply_framer.hpp"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/pieces.hpp"

namespace hawser::protocol {
namespace {

using Status = ReplyFramer::Status;
using Replies = std::vector<std::string>;

// What a connection sees whose input arrives in these pieces: every whole reply as its type byte, a
// blank and its bytes; the last entry is "error" or "incomplete" if it comes to that.
Replies frame_all(const std::vector<std::string_view>& pieces, const Limits& limits) {
  ReplyFramer framer(limits);
  Replies replies;
  std::string unread;   // not consumed yet
  std::string present;  // consumed of the present reply
  std::size_t string_left = 0;
  for (const std::string_view piece : pieces) {
    unread.append(piece);
    while (!unread.empty()) {
      const test::ExactBlock block(unread);
      const Status status = framer.feed(block.view());
      EXPECT_LE(framer.consumed(), unread.size());
      if (status == Status::error) {
        replies.push_back("error");
        return replies;
      }
      if (string_left != 0) {
        EXPECT_GE(framer.consumed(), std::min(string_left, unread.size()));
      }
      string_left = status == Status::incomplete ? framer.bytes_missing() : 0;
      present.append(unread, 0, framer.consumed());
      unread.erase(0, framer.consumed());
      if (status == Status::incomplete) break;
      replies.push_back(std::string(1, framer.type()) + " " + present);
      present.clear();
    }
  }
  if (!unread.empty() || !present.empty()) replies.push_back("incomplete");
  return replies;
}

void expect_replies(std::string_view input, const Replies& expected, const Limits& limits = {}) {
  test::for_every_split(input, [&](const std::vector<std::string_view>& pieces) {
    EXPECT_EQ(frame_all(pieces, limits), expected)
        << "first piece " << pieces.front().size() << " of " << input.size() << " bytes: " << input;
  });
}

// `reply` is one whole reply, and cut short anywhere it is none.
void expect_one_reply(const std::string& reply, char type) {
  expect_replies(reply, {std::string(1, type) + " " + reply});
  expect_replies(reply + reply,
                 {std::string(1, type) + " " + reply, std::string(1, type) + " " + reply});
  for (std::size_t size = 1; size < reply.size(); ++size) {
    EXPECT_EQ(frame_all({std::string_view(reply).substr(0, size)}, {}), Replies{"incomplete"});
  }
}

std::vector<std::size_t> offsets_in(const std::string& input,
                                    const std::vector<std::string_view>& pieces) {
  ReplyFramer framer{Limits{}};
  framer.want_elements();
  std::string unread;
  for (const std::string_view piece : pieces) {
    unread.append(piece);
    const test::ExactBlock block(unread);
    if (framer.feed(block.view()) == Status::complete) {
      const std::vector<std::size_t> offsets = framer.element_offsets();
      // The wish is for one reply only.
      EXPECT_EQ(framer.feed("*1\r\n+x\r\n"), Status::complete);
      EXPECT_TRUE(framer.element_offsets().empty());
      return offsets;
    }
    unread.erase(0, framer.consumed());
  }
  ADD_FAILURE() << "not a whole reply: " << input;
  return {};
}

void expect_elements(const std::string& input, const Replies& expected) {
  test::for_every_split(input, [&](const std::vector<std::string_view>& pieces) {
    const std::vector<std::size_t> offsets = offsets_in(input, pieces);
    ASSERT_EQ(offsets.size(), expected.size() + 1);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(input.substr(offsets[i], offsets[i + 1] - offsets[i]), expected[i]);
    }
    EXPECT_EQ(offsets.back(), input.size());
  });
}

TEST(ReplyFramer, Resp2Types) {
  expect_one_reply("+OK\r\n", '+');
  expect_one_reply("+\r\n", '+');
  expect_one_reply("-ERR no\r\n", '-');
  expect_one_reply(":-42\r\n", ':');
  expect_one_reply("$5\r\na\r\nbc\r\n", '$');
  expect_one_reply("$0\r\n\r\n", '$');
  expect_one_reply("$-1\r\n", '$');
  expect_one_reply("*0\r\n", '*');
  expect_one_reply("*-1\r\n", '*');
  expect_one_reply("*3\r\n$1\r\na\r\n*2\r\n:1\r\n*-1\r\n$-1\r\n", '*');
}

TEST(ReplyFramer, Resp3Types) {
  expect_one_reply("_\r\n", '_');
  expect_one_reply("#t\r\n", '#');
  expect_one_reply(",3.14\r\n", ',');
  expect_one_reply(",inf\r\n", ',');
  expect_one_reply("(3492890328409238509324850943850943825024385\r\n", '(');
  expect_one_reply("=7\r\ntxt:abc\r\n", '=');
  expect_one_reply("!5\r\nERR x\r\n", '!');
  expect_one_reply("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n", '%');
  expect_one_reply("%0\r\n", '%');
  expect_one_reply("~2\r\n:1\r\n:2\r\n", '~');
  expect_one_reply(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", '>');
}

TEST(ReplyFramer, AttributesBelongToWhatFollows) {
  expect_one_reply("|1\r\n+ttl\r\n:3600\r\n$1\r\na\r\n", '$');
  expect_one_reply("|0\r\n+OK\r\n", '+');
  expect_one_reply("|1\r\n+a\r\n*2\r\n:1\r\n:2\r\n|1\r\n+b\r\n:2\r\n-ERR\r\n", '-');
  expect_one_reply("*2\r\n|1\r\n+ttl\r\n:1\r\n:1\r\n:2\r\n", '*');
  expect_one_reply("*1\r\n:1\r\n", '*');
  expect_one_reply("*1\r\n|1\r\n|1\r\n+a\r\n+b\r\n+c\r\n+d\r\n*0\r\n", '*');
}

TEST(ReplyFramer, SeveralRepliesInOneRead) {
  expect_replies("+OK\r\n:1\r\n>1\r\n+x\r\n$-1\r\n*1\r\n",
                 {"+ +OK\r\n", ": :1\r\n", "> >1\r\n+x\r\n", "$ $-1\r\n", "incomplete"});
}

TEST(ReplyFramer, CarriageReturnAloneDoesNotEndALine) {
  expect_one_reply("+a\rb\nc\r\r\n", '+');
}

TEST(ReplyFramer, UnknownTypes) {
  for (const char* input : {"x\r\n", "\r\n", "\n", " +OK\r\n", "HTTP/1.1 400\r\n", "*1\r\nx\r\n",
                            "*2\r\n+a\r\n?1\r\n", "@1\r\n", "&1\r\n"}) {
    const Replies replies = frame_all({input}, {});
    EXPECT_EQ(replies, Replies{"error"}) << input;
    expect_replies(input, replies);
  }
}

TEST(ReplyFramer, LengthsThatAreNone) {
  for (const char type : {'$', '=', '!', '*', '%', '~', '>', '|'}) {
    for (const char* length : {"", "a", "1a", "01", "00", "+1", "-2", "-0", " 1", "1 ", "?", "-",
                               "1234x", "1234\n", "9223372036854775808", "123456789012345678901"}) {
      expect_replies(std::string(1, type) + length + "\r\n", {"error"});
      expect_replies(std::string(1, type) + length + "\r\n+following\r\n", {"error"});
    }
  }
  for (const char type : {'=', '!', '%', '~', '>', '|'}) {
    expect_replies(std::string(1, type) + "-1\r\n", {"error"});
  }
}

TEST(ReplyFramer, LengthLineEndsWithBothBytes) {
  expect_replies("$1\rXa\r\n", {"error"});
  expect_replies("*1\rX+a\r\n", {"error"});
}

TEST(ReplyFramer, StringWithoutItsLineEnd) {
  expect_replies("$3\r\nabcd\r\n", {"error"});
  expect_replies("$3\r\nabc\n\r", {"error"});
  expect_replies("$3\r\nabc\rX", {"error"});
  expect_replies("$3\r\nabcX\n", {"error"});
  expect_replies("$0\r\nab", {"error"});
  expect_replies("*1\r\n!3\r\nabcXX", {"error"});
}

TEST(ReplyFramer, Limits) {
  Limits limits;
  limits.max_bulk_bytes = 5;
  limits.max_inline_bytes = 8;
  expect_replies("$5\r\nabcde\r\n", {"$ $5\r\nabcde\r\n"}, limits);
  expect_replies("$6\r\n", {"error"}, limits);
  expect_replies("=6\r\n", {"error"}, limits);
  expect_replies("+abcd\r\n", {"+ +abcd\r\n"}, limits);
  expect_replies("+abcde\r\n", {"error"}, limits);
  expect_replies("*1234567\r\n", {"incomplete"}, limits);
  expect_replies("*12345678\r\n", {"error"}, limits);
  expect_replies("*123456789", {"error"}, limits);
}

TEST(ReplyFramer, NestingUpToTheLimit) {
  const auto nested = [](char type, int levels) {
    std::string input;
    for (int i = 0; i < levels; ++i) input += std::string(1, type) + "1\r\n";
    return input;
  };
  Limits limits;
  limits.max_depth = 128;
  const std::string deepest = nested('*', 128) + ":1\r\n";
  expect_replies(deepest, {"* " + deepest}, limits);
  expect_replies(nested('*', 129), {"error"}, limits);
  EXPECT_EQ(frame_all({nested('*', 128) + "*0\r\n"}, limits), Replies{"error"});
  EXPECT_EQ(frame_all({nested('|', 129)}, limits), Replies{"error"});
  limits.max_depth = 1;
  expect_replies("*1\r\n:1\r\n", {"* *1\r\n:1\r\n"}, limits);
  expect_replies("*1\r\n*1\r\n:1\r\n", {"error"}, limits);
}

TEST(ReplyFramer, WhatAScriptCanNestIsAReply) {
  std::string deepest;
  for (int i = 0; i < 8000; ++i) deepest += "*1\r\n";
  deepest += "-ERR reached lua stack limit\r\n";
  EXPECT_EQ(frame_all({deepest}, {}), Replies{"* " + deepest});
}

TEST(ReplyFramer, HugeCountsAllocateNothing) {
  expect_replies("*9223372036854775807\r\n+a\r\n", {"incomplete"});
  expect_replies("%4611686018427387903\r\n+a\r\n", {"incomplete"});
  expect_replies("%4611686018427387904\r\n+a\r\n", {"error"});
  expect_replies("|9223372036854775807\r\n+a\r\n", {"error"});
}

TEST(ReplyFramer, TypeIsKnownFromItsFirstByte) {
  ReplyFramer framer{Limits{}};
  EXPECT_EQ(framer.type(), 0);
  EXPECT_EQ(framer.feed("|1\r\n+a\r\n:1\r\n"), Status::incomplete);
  EXPECT_EQ(framer.type(), 0);
  EXPECT_EQ(framer.feed(">"), Status::incomplete);
  EXPECT_TRUE(framer.is_push());
  EXPECT_FALSE(framer.is_error());
  EXPECT_EQ(framer.consumed(), 0U);
  EXPECT_EQ(framer.feed(">1\r\n-no\r\n"), Status::complete);
  EXPECT_TRUE(framer.is_push());
  EXPECT_EQ(framer.feed("!1"), Status::incomplete);
  EXPECT_TRUE(framer.is_error());
}

TEST(ReplyFramer, BytesMissingCountsTheStringWithItsLineEnd) {
  ReplyFramer framer{Limits{}};
  EXPECT_EQ(framer.feed("*2\r\n$100\r\nabc"), Status::incomplete);
  EXPECT_EQ(framer.consumed(), 13U);
  EXPECT_EQ(framer.bytes_missing(), 99U);
  EXPECT_EQ(framer.feed(std::string(98, 'x') + "\r"), Status::error);
  framer.reset();
  EXPECT_EQ(framer.feed("*2\r\n$3\r\nabc"), Status::incomplete);
  EXPECT_EQ(framer.bytes_missing(), 2U);
  EXPECT_EQ(framer.feed("\r\n$1"), Status::incomplete);
  EXPECT_EQ(framer.consumed(), 2U);
  EXPECT_EQ(framer.bytes_missing(), 0U);
  EXPECT_EQ(framer.feed("$1\r\nx\r\n"), Status::complete);
}

TEST(ReplyFramer, ResetForgetsEverything) {
  ReplyFramer framer{Limits{}};
  framer.want_elements();
  EXPECT_EQ(framer.feed("*2\r\n*1\r\n$100\r\nabc"), Status::incomplete);
  framer.reset();
  EXPECT_EQ(framer.type(), 0);
  EXPECT_EQ(framer.bytes_missing(), 0U);
  EXPECT_EQ(framer.feed("*1\r\n:1\r\n"), Status::complete);
  EXPECT_EQ(framer.consumed(), 8U);
  EXPECT_TRUE(framer.element_offsets().empty());
  EXPECT_EQ(framer.feed("+unfinishe"), Status::incomplete);
  framer.reset();
  EXPECT_EQ(framer.feed("+\r\n"), Status::complete);
}

TEST(ReplyFramer, ElementBoundaries) {
  expect_elements("*3\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n_\r\n",
                  {"$1\r\na\r\n", "*2\r\n:1\r\n:2\r\n", "_\r\n"});
  expect_elements("~2\r\n+a\r\n%1\r\n+b\r\n*0\r\n", {"+a\r\n", "%1\r\n+b\r\n*0\r\n"});
  expect_elements(">1\r\n-no\r\n", {"-no\r\n"});
  expect_elements("*0\r\n", {});
  expect_elements("*2\r\n*0\r\n$-1\r\n", {"*0\r\n", "$-1\r\n"});
}

TEST(ReplyFramer, ElementBoundariesAroundAttributes) {
  expect_elements(
      "*3\r\n|1\r\n+t\r\n*1\r\n:9\r\n:1\r\n|0\r\n|1\r\n+u\r\n:8\r\n*1\r\n:7\r\n:2\r\n",
      {"|1\r\n+t\r\n*1\r\n:9\r\n:1\r\n", "|0\r\n|1\r\n+u\r\n:8\r\n*1\r\n:7\r\n", ":2\r\n"});
  const std::string attribute = "|1\r\n+t\r\n*2\r\n:8\r\n:9\r\n";
  const std::string input = attribute + "*2\r\n:1\r\n:2\r\n";
  test::for_every_split(input, [&](const std::vector<std::string_view>& pieces) {
    const std::vector<std::size_t> expected = {attribute.size() + 4, attribute.size() + 8,
                                               attribute.size() + 12};
    EXPECT_EQ(offsets_in(input, pieces), expected);
  });
}

TEST(ReplyFramer, NoElementsOfWhatIsNoArray) {
  for (const char* input : {"+OK\r\n", "$-1\r\n", "*-1\r\n", "%1\r\n+a\r\n+b\r\n"}) {
    EXPECT_TRUE(offsets_in(input, {input}).empty()) << input;
  }
}

TEST(ErrorWord, OfSimpleAndBlobErrors) {
  EXPECT_EQ(error_word("-WRONGTYPE Operation against\r\n"), "WRONGTYPE");
  EXPECT_EQ(error_text("-WRONGTYPE Operation against\r\n"), "WRONGTYPE Operation against");
  EXPECT_EQ(error_word("-NOSCRIPT\r\n"), "NOSCRIPT");
  EXPECT_EQ(error_word("!10\r\nSYNTAX a\r\n\r\n"), "SYNTAX");
  EXPECT_EQ(error_text("!10\r\nSYNTAX a\r\n\r\n"), "SYNTAX a\r\n");
  EXPECT_EQ(error_text("-\r\n"), "");
  EXPECT_EQ(error_word("|1\r\n+a\r\n*1\r\n-x y\r\n-ERR z\r\n"), "ERR");
}

TEST(ErrorWord, OfWhatIsNoErrorIsEmpty) {
  for (const char* reply :
       {"+ERR x\r\n", "$5\r\n-ERR \r\n", ":1\r\n", "*1\r\n-ERR x\r\n", "", "-"}) {
    EXPECT_EQ(error_word(reply), "") << reply;
    EXPECT_EQ(error_text(reply), "") << reply;
  }
}

// hiredis 0.14 reads RESP2 only, and up to seven levels.
class RandomReply {
 public:
  explicit RandomReply(std::mt19937& random) : random_(random) {}

  void append_to(std::string& out, int depth) {
    switch (below(depth < 6 ? 7 : 5)) {
      case 0:
        out += "+" + line() + "\r\n";
        break;
      case 1:
        out += "-ERR " + line() + "\r\n";
        break;
      case 2:
        out += ":" + std::to_string(static_cast<std::int64_t>(random_()) - 2000000000) + "\r\n";
        break;
      case 3:
        out += below(2) == 0 ? "$-1\r\n" : "*-1\r\n";
        break;
      case 4: {
        const std::string text = bytes(below(8) == 0 ? 3000 : 30);
        out += "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
        break;
      }
      default: {
        const std::size_t n = below(5);
        out += "*" + std::to_string(n) + "\r\n";
        for (std::size_t i = 0; i < n; ++i) append_to(out, depth + 1);
      }
    }
  }

  std::size_t below(std::size_t n) { return random_() % n; }

 private:
  std::string bytes(std::size_t limit) {
    std::string text(below(limit), ' ');
    for (char& c : text) c = below(2) == 0 ? "\r\n*$:"[below(5)] : static_cast<char>(random_());
    return text;
  }
  std::string line() {
    std::string text(below(20), ' ');
    for (char& c : text) c = static_cast<char>('!' + below(90));
    return text;
  }

  std::mt19937& random_;
};

TEST(ReplyFramer, AgreesWithHiredisOnRandomReplies) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  RandomReply source(random);
  for (int round = 0; round < 5000; ++round) {
    std::string input;
    for (std::size_t n = 1 + source.below(4); n > 0; --n) source.append_to(input, 0);
    // One in four is damaged, to see that both still agree as long as both accept it.
    const bool damaged = source.below(4) == 0;
    if (damaged) input[source.below(input.size())] = static_cast<char>(random());

    redisReader* const reader = redisReaderCreate();
    reader->maxbuf = 0;
    std::size_t pieces_end = 0;
    ReplyFramer framer{Limits{}};
    std::string unread;
    while (pieces_end < input.size()) {
      const std::size_t size =
          std::min<std::size_t>(1 + source.below(60), input.size() - pieces_end);
      const std::string_view piece = std::string_view(input).substr(pieces_end, size);
      pieces_end += size;
      unread.append(piece);
      ASSERT_EQ(redisReaderFeed(reader, piece.data(), piece.size()), REDIS_OK);
      bool failed = false;
      while (true) {
        const test::ExactBlock block(unread);
        const Status status = framer.feed(block.view());
        unread.erase(0, framer.consumed());
        void* reply = nullptr;
        const bool accepted = redisReaderGetReply(reader, &reply) == REDIS_OK;
        if (reply != nullptr) freeReplyObject(reply);
        if (damaged && (!accepted || status == Status::error)) {
          // hiredis does not look at the line end of a string, nor does the framer decode numbers.
          failed = true;
          break;
        }
        ASSERT_TRUE(accepted) << reader->errstr << " in " << input;
        ASSERT_EQ(status == Status::complete, reply != nullptr) << input;
        if (status != Status::complete) break;
      }
      if (failed) break;
    }
    if (!damaged) {
      EXPECT_TRUE(unread.empty());
    }
    redisReaderFree(reader);
  }
}

}  // namespace
}  // namespace hawser::protocol
