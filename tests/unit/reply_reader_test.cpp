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

}  // namespace
}  // namespace hawser
