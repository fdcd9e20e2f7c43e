#include "proxy/upstream/lane_buffer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace hawser {
namespace {

std::string unsent(const LaneBuffer& buffer) {
  std::array<iovec, 64> pieces;
  const int count = buffer.describe_unsent(pieces.data(), 64);
  std::string out;
  for (int i = 0; i < count; ++i) {
    const iovec& piece = pieces[static_cast<std::size_t>(i)];
    out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return out;
}

TEST(LaneBuffer, WrittenRequestsStayUntilTheyAreAnswered) {
  BlockPool pool;
  LaneBuffer buffer(pool);
  buffer.append("first;");
  buffer.append("second;");
  buffer.written(6);
  EXPECT_EQ(unsent(buffer), "second;");
  EXPECT_EQ(buffer.written_unanswered(), 6U);
  EXPECT_EQ(buffer.copy(0, 6), "first;");
  buffer.written(7);
  buffer.answered(6);
  EXPECT_EQ(buffer.copy(0, 7), "second;");
  EXPECT_EQ(buffer.size(), 7U);
  EXPECT_EQ(buffer.unsent(), 0U);
}

TEST(LaneBuffer, PartlyWrittenRequestGoesOnWhereItStopped) {
  BlockPool pool;
  LaneBuffer buffer(pool);
  buffer.append("abcdef");
  buffer.written(2);
  EXPECT_EQ(unsent(buffer), "cdef");
  EXPECT_EQ(buffer.copy(0, 6), "abcdef");
}

TEST(LaneBuffer, CopyReachesOverManyBlocks) {
  BlockPool pool;
  LaneBuffer buffer(pool);
  std::string all;
  for (int i = 0; i < 40; ++i) {
    const std::string part(10000, static_cast<char>('a' + i % 26));
    buffer.append(part);
    all += part;
  }
  EXPECT_EQ(buffer.copy(12345, 300000), all.substr(12345, 300000));
  buffer.clear();
  EXPECT_EQ(buffer.size(), 0U);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

}  // namespace
}  // namespace hawser
