#include "proxy/upstream/reply_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace hawser {
namespace {

using Event = ReplyReader::Event;

class ReplyReaderTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kScratch = 64 << 10;

  /// Feeds `bytes` in pieces of at most `piece`; what came out, as "reply:..." and so on.
  std::vector<std::string> read(std::string_view bytes, std::size_t piece,
                                std::size_t stream_above = 0) {
    BlockPool pool;
    std::vector<std::string> out;
    {
      const auto scratch = std::make_unique<char[]>(kScratch);
      ReplyReader reader({}, pool, scratch.get(), kScratch);
      while (!bytes.empty()) {
        const auto space = reader.prepare();
        const std::size_t n = std::min({bytes.size(), piece, space.room});
        std::memcpy(space.data, bytes.data(), n);
        bytes.remove_prefix(n);
        reader.commit(n);
        // The next connection on the loop overwrites the scratch memory between two receives.
        if (!drain(reader, stream_above, out)) break;
        std::memset(scratch.get(), '#', kScratch);
      }
    }
    EXPECT_EQ(pool.bytes_in_use(), 0U);
    return out;
  }

 private:
  static bool drain(ReplyReader& reader, std::size_t stream_above, std::vector<std::string>& out) {
    while (true) {
      switch (reader.next(stream_above)) {
        case Event::reply:
          out.push_back("reply:" + std::string(reader.reply().bytes));
          break;
        case Event::push:
          out.push_back("push:" + std::string(reader.reply().bytes));
          break;
        case Event::part:
          join(out, reader.part(), false);
          break;
        case Event::last_part:
          join(out, reader.part(), true);
          break;
        case Event::error:
          out.emplace_back("error");
          return false;
        case Event::need_more:
          return true;
      }
    }
  }
  /// Parts are joined, so that the cuts do not show.
  static void join(std::vector<std::string>& out, std::string_view part, bool last) {
    if (out.empty() || !out.back().starts_with("parts:")) out.emplace_back("parts:");
    out.back() += part;
    if (last) out.back().replace(0, 6, "streamed:");
  }
};

TEST_F(ReplyReaderTest, SmallRepliesAreCutOutAtEverySplit) {
  const std::string bytes =
      "+OK\r\n$3\r\nabc\r\n:7\r\n>2\r\n+a\r\n+b\r\n*2\r\n$1\r\nx\r\n*0\r\n-ERR no\r\n";
  const std::vector<std::string> expected = {
      "reply:+OK\r\n",           "reply:$3\r\nabc\r\n",           "reply::7\r\n",
      "push:>2\r\n+a\r\n+b\r\n", "reply:*2\r\n$1\r\nx\r\n*0\r\n", "reply:-ERR no\r\n"};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    EXPECT_EQ(read(bytes, piece), expected) << piece;
  }
}

TEST_F(ReplyReaderTest, LargeReplyIsWholeHoweverItArrives) {
  const std::string value(300000, 'v');
  const std::string large = "$300000\r\n" + value + "\r\n";
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{16384}, std::size_t{65536}}) {
    EXPECT_EQ(read(large + "+next\r\n", piece),
              (std::vector<std::string>{"reply:" + large, "reply:+next\r\n"}))
        << piece;
  }
}

TEST_F(ReplyReaderTest, ManyElementsBeyondTheScratchMemoryAreOneReply) {
  std::string array = "*20000\r\n";
  for (int i = 0; i < 20000; ++i) array += "$5\r\nabcde\r\n";
  EXPECT_EQ(read(array + ":1\r\n", 50000),
            (std::vector<std::string>{"reply:" + array, "reply::1\r\n"}));
}

TEST_F(ReplyReaderTest, RepliesBehindALongOneInTheSameReceiveAreCutOutToo) {
  std::string bytes = "*3000\r\n";
  for (int i = 0; i < 3000; ++i) bytes += "$5\r\nabcde\r\n";
  std::vector<std::string> expected{"reply:" + bytes};
  for (int i = 0; i < 4000; ++i) {
    const std::string next = ":" + std::to_string(1000000 + i) + "\r\n";
    bytes += next;
    expected.push_back("reply:" + next);
  }
  for (std::size_t piece = 9990; piece < 10010; ++piece) EXPECT_EQ(read(bytes, piece), expected);
}

TEST_F(ReplyReaderTest, ReplyAboveTheThresholdComesInParts) {
  const std::string large = "$100000\r\n" + std::string(100000, 'v') + "\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{777}, std::size_t{65536}}) {
    EXPECT_EQ(read("+a\r\n" + large + "+b\r\n", piece, 20000),
              (std::vector<std::string>{"reply:+a\r\n", "streamed:" + large, "reply:+b\r\n"}))
        << piece;
  }
}

TEST_F(ReplyReaderTest, ReplyBelowTheThresholdStaysWhole) {
  const std::string bytes = "$5000\r\n" + std::string(5000, 'v') + "\r\n";
  EXPECT_EQ(read(bytes, 100, 20000), std::vector<std::string>{"reply:" + bytes});
}

TEST_F(ReplyReaderTest, WhatIsNoRespIsAnError) {
  EXPECT_EQ(read("+fine\r\nHTTP/1.1 200\r\n", 100),
            (std::vector<std::string>{"reply:+fine\r\n", "error"}));
  EXPECT_EQ(read("$3\r\nabcd\r\n", 100), std::vector<std::string>{"error"});
}

TEST_F(ReplyReaderTest, LongPushIsNeverHandedOnInParts) {
  const std::string push = ">2\r\n+message\r\n$50000\r\n" + std::string(50000, 'm') + "\r\n";
  for (const std::size_t piece : {std::size_t{100}, std::size_t{65536}}) {
    EXPECT_EQ(read(push + "+a\r\n", piece, 1000),
              (std::vector<std::string>{"push:" + push, "reply:+a\r\n"}));
  }
}

TEST(ReplyReader, LongStringArrivesInABlockThatCanBeTakenOver) {
  BlockPool pool;
  std::vector<char> scratch(64 << 10);
  ReplyReader reader({}, pool, scratch.data(), scratch.size());
  const std::string bytes = "$200000\r\n" + std::string(200000, 'v') + "\r\n";
  std::string_view left = bytes;
  Event event = Event::need_more;
  while (event == Event::need_more) {
    const auto space = reader.prepare();
    const std::size_t n = std::min({left.size(), space.room, std::size_t{30000}});
    ASSERT_GT(n, 0U);
    std::memcpy(space.data, left.data(), n);
    left.remove_prefix(n);
    reader.commit(n);
    event = reader.next(0);
  }
  ASSERT_EQ(event, Event::reply);
  const Reply reply = reader.reply();
  ASSERT_NE(reply.block, nullptr);
  const BlockPtr taken = std::move(*reply.block);
  EXPECT_EQ(taken->view(), bytes);
  EXPECT_EQ(reader.next(0), Event::need_more);
  // The reader goes on without it.
  const auto space = reader.prepare();
  std::memcpy(space.data, "+OK\r\n", 5);
  reader.commit(5);
  ASSERT_EQ(reader.next(0), Event::reply);
  EXPECT_EQ(reader.reply().bytes, "+OK\r\n");
  EXPECT_EQ(reader.reply().block, nullptr);
}

TEST(ReplyReader, ElementsOfAnArrayAreFoundThoughItArrivesInPieces) {
  const std::string_view bytes = "*3\r\n+OK\r\n$3\r\nabc\r\n*1\r\n:7\r\n";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    BlockPool pool;
    std::vector<char> scratch(64 << 10);
    ReplyReader reader({}, pool, scratch.data(), scratch.size());
    EXPECT_TRUE(reader.between_replies());
    reader.want_elements();
    Event event = Event::need_more;
    for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
      const auto space = reader.prepare();
      std::memcpy(space.data, piece.data(), piece.size());
      reader.commit(piece.size());
      event = reader.next(0);
    }
    ASSERT_EQ(event, Event::reply) << cut;
    EXPECT_EQ(reader.element_offsets(), (std::vector<std::size_t>{4, 9, 18, 26})) << cut;
  }
}

TEST(ReplyReader, TellsErrorRepliesApart) {
  BlockPool pool;
  std::vector<char> scratch(64 << 10);
  ReplyReader reader({}, pool, scratch.data(), scratch.size());
  constexpr std::string_view kBytes = "-ERR x\r\n+OK\r\n";
  std::memcpy(reader.prepare().data, kBytes.data(), kBytes.size());
  reader.commit(kBytes.size());
  ASSERT_EQ(reader.next(0), Event::reply);
  EXPECT_TRUE(reader.is_error_reply());
  ASSERT_EQ(reader.next(0), Event::reply);
  EXPECT_FALSE(reader.is_error_reply());
}

}  // namespace
}  // namespace hawser
