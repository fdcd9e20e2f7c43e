#include "proxy/runtime/block.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hawser {
namespace {

TEST(Block, IsFilledAtItsEndAndConsumedAtItsFront) {
  BlockPool pool;
  const BlockPtr block = pool.take();
  EXPECT_EQ(block->room(), BlockPool::kOrdinary);
  block->append("abcdef");
  EXPECT_EQ(block->view(), "abcdef");
  block->consume(2);
  EXPECT_EQ(block->view(), "cdef");
  EXPECT_EQ(block->room(), BlockPool::kOrdinary - 6);
  std::string(block->room(), 'x').copy(block->space(), block->room());
  block->commit(block->room());
  EXPECT_EQ(block->room(), 0U);
  EXPECT_EQ(block->size(), BlockPool::kOrdinary - 2);
}

TEST(BlockPool, OrdinaryBlockIsUsedAgainAndIsEmptyThen) {
  BlockPool pool;
  BlockPtr block = pool.take(10);
  block->append("secret");
  block->consume(1);
  const Block* where = block.get();
  block.reset();
  block = pool.take();
  EXPECT_EQ(block.get(), where);
  EXPECT_EQ(block->size(), 0U);
  EXPECT_EQ(block->room(), BlockPool::kOrdinary);
}

TEST(BlockPool, CountsTheRoomOfWhatIsGivenOut) {
  BlockPool pool;
  {
    const BlockPtr small = pool.take(1);
    EXPECT_EQ(pool.bytes_in_use(), BlockPool::kOrdinary);
    const BlockPtr large = pool.take(BlockPool::kOrdinary + 1);
    EXPECT_EQ(large->room(), BlockPool::kOrdinary + 1);
    EXPECT_EQ(pool.bytes_in_use(), 2 * BlockPool::kOrdinary + 1);
  }
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(BlockPool, MoreThanItKeepsIsGivenBackToTheSystem) {
  BlockPool pool;
  std::vector<BlockPtr> blocks;
  for (int i = 0; i < 300; ++i) blocks.push_back(pool.take());
  blocks.clear();
  for (int i = 0; i < 300; ++i) {
    blocks.push_back(pool.take());
    EXPECT_EQ(blocks.back()->size(), 0U);
  }
  EXPECT_EQ(pool.bytes_in_use(), 300 * BlockPool::kOrdinary);
}

}  // namespace
}  // namespace hawser
