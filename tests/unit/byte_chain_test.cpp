#include "proxy/runtime/byte_chain.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace hawser {
namespace {

std::string read(const ByteChain& chain, std::size_t skip = 0) {
  std::array<iovec, 64> pieces;
  const int count = chain.describe(pieces.data(), 64, skip);
  std::string out;
  for (int i = 0; i < count; ++i) {
    const iovec& piece = pieces[static_cast<std::size_t>(i)];
    out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return out;
}

TEST(ByteChain, SmallPiecesShareOneBlock) {
  BlockPool pool;
  ByteChain chain(pool);
  chain.append("one");
  chain.append("two");
  std::array<iovec, 4> pieces;
  EXPECT_EQ(chain.describe(pieces.data(), 4), 1);
  EXPECT_EQ(read(chain), "onetwo");
  EXPECT_EQ(pool.bytes_in_use(), BlockPool::kOrdinary);
}

TEST(ByteChain, PieceLargerThanABlockIsKeptWhole) {
  BlockPool pool;
  ByteChain chain(pool);
  const std::string large(3 * BlockPool::kOrdinary + 7, 'x');
  chain.append("head");
  chain.append(large);
  EXPECT_EQ(chain.size(), large.size() + 4);
  EXPECT_EQ(read(chain), "head" + large);
  EXPECT_EQ(read(chain, 4), large);
}

TEST(ByteChain, BlockIsTakenOverWithoutCopy) {
  BlockPool pool;
  ByteChain chain(pool);
  BlockPtr block = pool.take(100000);
  block->append("contents");
  const char* where = block->data();
  chain.append(std::move(block));
  std::array<iovec, 1> piece;
  ASSERT_EQ(chain.describe(piece.data(), 1), 1);
  EXPECT_EQ(piece[0].iov_base, where);
}

TEST(ByteChain, ConsumingAcrossBlocksGivesThemBack) {
  BlockPool pool;
  {
    ByteChain chain(pool);
    const std::string part(BlockPool::kOrdinary, 'p');
    for (int i = 0; i < 3; ++i) chain.append(part);
    chain.consume(2 * part.size() + 5);
    EXPECT_EQ(chain.size(), part.size() - 5);
    EXPECT_EQ(pool.bytes_in_use(), BlockPool::kOrdinary);
    chain.consume(chain.size());
    EXPECT_TRUE(chain.empty());
    EXPECT_EQ(pool.bytes_in_use(), 0U);
    chain.append("again");
    EXPECT_EQ(read(chain), "again");
  }
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(ByteChain, EmptyBlockIsNotKept) {
  BlockPool pool;
  ByteChain chain(pool);
  chain.append(pool.take());
  EXPECT_TRUE(chain.empty());
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(ByteChain, DescribesNoMorePiecesThanAskedFor) {
  BlockPool pool;
  ByteChain chain(pool);
  for (int i = 0; i < 5; ++i) chain.append(std::string(BlockPool::kOrdinary, 'p'));
  std::array<iovec, 5> pieces;
  EXPECT_EQ(chain.describe(pieces.data(), 3), 3);
  EXPECT_EQ(chain.describe(pieces.data(), 5, BlockPool::kOrdinary * 2), 3);
  EXPECT_EQ(chain.describe(pieces.data(), 5, chain.size()), 0);
}

TEST(ByteChain, SharedBytesAreNotCopiedAndLiveAsLongAsTheyAreNeeded) {
  BlockPool pool;
  {
    ByteChain first(pool), second(pool);
    std::shared_ptr<Block> source(pool.take());
    source->append("onetwothree");
    const std::string_view all = source->view();
    first.append(source, all.substr(0, 3));
    first.append(source, all.substr(3, 3));
    second.append(source, all.substr(6));
    second.append("!");
    std::array<iovec, 4> pieces;
    ASSERT_EQ(first.describe(pieces.data(), 4), 1);  // They follow each other.
    EXPECT_EQ(pieces[0].iov_base, all.data());
    source.reset();
    EXPECT_EQ(pool.bytes_in_use(), 2 * BlockPool::kOrdinary);
    EXPECT_EQ(read(first), "onetwo");
    EXPECT_EQ(read(second), "three!");
    first.consume(4);
    EXPECT_EQ(read(first), "wo");
  }
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(ByteChain, SplicedChainIsEmptyAfterwards) {
  BlockPool pool;
  ByteChain first(pool), second(pool);
  first.append("a");
  second.append("b");
  first.splice(second);
  EXPECT_TRUE(second.empty());
  EXPECT_EQ(read(first), "ab");
  first.splice(second);
  EXPECT_EQ(first.size(), 2U);
}

}  // namespace
}  // namespace hawser
