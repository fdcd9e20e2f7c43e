#include "proxy/transactions/block_scan.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/request_parser.hpp"
#include "tests/unit/pieces.hpp"

namespace hawser {
namespace {

std::string commands(const std::vector<std::vector<std::string_view>>& all) {
  std::string bytes;
  for (const auto& words : all) protocol::append_command(bytes, words);
  return bytes;
}

const DeniedCommands kNoneDenied{{}};

bool can_be_shared(const std::string& following, std::size_t most = 1000,
                   const DeniedCommands& denied = kNoneDenied) {
  return scan_block(test::ExactBlock(following).view(), {}, most, denied).can_be_shared;
}

TEST(BlockScan, CompleteBlockOfOrdinaryCommandsIsShared) {
  const std::string block =
      commands({{"SET", "a", "1"}, {"GET"}, {"ping"}, {"EXEC"}, {"GET", "b"}});
  EXPECT_TRUE(can_be_shared(block));
  EXPECT_EQ(scan_block(block, {}, 1000, kNoneDenied).requests, 4U);
  EXPECT_TRUE(can_be_shared(commands({{"EXEC"}})));
  EXPECT_TRUE(can_be_shared("SET a 1\r\n\r\nEXEC\r\n"));
}

TEST(BlockScan, NoPartOfABlockIsShared) {
  const std::string block = commands({{"SET", "a", "1"}, {"EXEC"}});
  for (std::size_t i = 0; i < block.size(); ++i) {
    EXPECT_FALSE(can_be_shared(block.substr(0, i))) << i;
  }
}

TEST(BlockScan, AnythingThatNeedsAConnectionKeepsItFromBeingShared) {
  for (const std::vector<std::string_view>& words :
       std::vector<std::vector<std::string_view>>{{"WATCH", "a"},
                                                  {"MULTI"},
                                                  {"BLPOP", "a", "0"},
                                                  {"SELECT", "1"},
                                                  {"HELLO", "3"},
                                                  {"CLIENT", "GETNAME"},
                                                  {"CLIENT", "NOSUCH"},
                                                  {"CACHE.SET", "a", "1"},
                                                  {"SUBSCRIBE", "a"},
                                                  {"SHUTDOWN"},
                                                  {"NOSUCH"},
                                                  {"DISCARD"},
                                                  {"EXEC", "x"}}) {
    EXPECT_FALSE(can_be_shared(commands({{"SET", "a", "1"}, words, {"EXEC"}}))) << words[0];
  }
}

TEST(BlockScan, DeniedCommandKeepsItFromBeingShared) {
  const DeniedCommands denied({"config|set", "flushall"});
  const auto block_with = [](const std::vector<std::string_view>& words) {
    return commands({{"SET", "a", "1"}, words, {"EXEC"}});
  };
  EXPECT_TRUE(can_be_shared(block_with({"CONFIG", "GET", "a"}), 1000, denied));
  EXPECT_FALSE(can_be_shared(block_with({"CONFIG", "SET", "a", "b"}), 1000, denied));
  EXPECT_FALSE(can_be_shared(block_with({"flushall"}), 1000, denied));
  EXPECT_FALSE(can_be_shared(block_with({"GET", "a"}), 1000, DeniedCommands({"exec"})));
}

TEST(BlockScan, LongBlockIsNotShared) {
  const std::string value(500, 'v');
  const std::string block = commands({{"SET", "a", value}, {"SET", "b", value}, {"EXEC"}});
  EXPECT_TRUE(can_be_shared(block, block.size()));
  EXPECT_FALSE(can_be_shared(block, block.size() - 1));
}

TEST(BlockScan, MalformedInputIsLeftToTheParser) {
  EXPECT_FALSE(can_be_shared("*1\r\n$x\r\n"));
}

}  // namespace
}  // namespace hawser
