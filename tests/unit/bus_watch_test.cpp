#include "proxy/cache/bus/bus_watch.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "proxy/cache/bus/bus_listener.hpp"
#include "proxy/cache/bus/bus_message.hpp"

namespace hawser {
namespace {

constexpr ChannelVerdict kDeliver = ChannelVerdict::deliver;
constexpr ChannelVerdict kRepetition = ChannelVerdict::repetition;
constexpr ChannelVerdict kGap = ChannelVerdict::gap;

TEST(BusWatchTest, TheFirstMessageSetsTheStart) {
  BusWatch watch;
  EXPECT_EQ(watch.on_message(1, "a", 41), kDeliver);
  EXPECT_EQ(watch.on_message(1, "a", 42), kDeliver);
  EXPECT_EQ(watch.on_message(1, "b", 0), kDeliver);
  EXPECT_EQ(watch.on_message(1, "b", 1), kDeliver);
}

TEST(BusWatchTest, WhatIsNotAboveTheLastIsARepetition) {
  BusWatch watch;
  for (const std::uint64_t n : {5U, 6U, 7U}) EXPECT_EQ(watch.on_message(1, "a", n), kDeliver);
  for (const std::uint64_t n : {7U, 6U, 5U, 4U, 0U})
    EXPECT_EQ(watch.on_message(1, "a", n), kRepetition);
  EXPECT_EQ(watch.on_message(1, "a", 8), kDeliver);
}

TEST(BusWatchTest, ASkippedOneIsAGapOnce) {
  BusWatch watch;
  watch.on_message(1, "a", 1);
  EXPECT_EQ(watch.on_message(1, "a", 3), kGap);
  EXPECT_EQ(watch.on_message(1, "a", 4), kDeliver);
  EXPECT_EQ(watch.on_message(1, "a", 2), kRepetition);
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(watch.on_message(1, "a", kMost), kGap);
  EXPECT_EQ(watch.on_message(1, "a", kMost), kRepetition);
  EXPECT_EQ(watch.on_message(1, "a", 0), kRepetition);
}

TEST(BusWatchTest, StreamsKnowNothingOfEachOther) {
  BusWatch watch;
  EXPECT_EQ(watch.on_message(1, "a", 1), kDeliver);
  EXPECT_EQ(watch.on_message(2, "a", 1), kDeliver);
  EXPECT_EQ(watch.on_message(2, "a", 3), kGap);
  EXPECT_EQ(watch.on_message(1, "a", 2), kDeliver);
}

TEST(BusWatchTest, AForgottenStreamBeginsAnew) {
  BusWatch watch;
  watch.on_message(1, "a", 5);
  watch.on_message(1, "b", 5);
  watch.on_message(2, "a", 5);
  watch.forget(1);
  EXPECT_EQ(watch.size(), 1U);
  EXPECT_EQ(watch.on_message(1, "a", 9), kDeliver);
  EXPECT_EQ(watch.on_message(1, "b", 2), kDeliver);
  EXPECT_EQ(watch.on_message(2, "a", 5), kRepetition);
}

TEST(BusWatchTest, TheOriginNotHeardOfForLongestIsForgotten) {
  BusWatch watch(3);
  for (const char* origin : {"a", "b", "c"}) watch.on_message(1, origin, 1);
  EXPECT_EQ(watch.on_message(1, "a", 2), kDeliver);
  watch.on_message(1, "d", 1);
  EXPECT_EQ(watch.size(), 3U);
  EXPECT_EQ(watch.on_message(1, "a", 2), kRepetition);
  EXPECT_EQ(watch.on_message(1, "b", 9), kDeliver);  // Set anew.
  EXPECT_EQ(watch.on_message(1, "d", 1), kRepetition);
}

TEST(BusListenerTest, TellsOfGapsAndOfLostStreams) {
  CacheStats stats;
  int gaps = 0;
  BusListener listener("cache:invalidate", stats, [&] { ++gaps; });
  EXPECT_EQ(listener.channel(), "cache:invalidate");
  const std::uint64_t stream = listener.begin_stream();
  const std::uint64_t other = listener.begin_stream();
  EXPECT_NE(stream, 0U);
  EXPECT_NE(stream, other);
  const auto message = [](std::uint64_t sequence) {
    return stamp(R"({"type":"keys","target":"k"})", "pod-0123456789abcdef/2", sequence, 0);
  };
  EXPECT_EQ(listener.on_message(stream, message(1)), kDeliver);
  EXPECT_EQ(listener.on_message(stream, message(1)), kRepetition);
  EXPECT_EQ(listener.on_message(other, message(1)), kDeliver);
  EXPECT_EQ(gaps, 0);
  EXPECT_EQ(listener.on_message(stream, message(3)), kGap);
  EXPECT_EQ(gaps, 1);
  EXPECT_EQ(stats.gaps.value(), 1U);
  EXPECT_EQ(stats.repeated.value(), 1U);
  listener.end_stream(other, false);
  EXPECT_EQ(gaps, 1);
  listener.end_stream(stream, true);
  EXPECT_EQ(gaps, 2);
  EXPECT_EQ(listener.on_message(stream, message(9)), kDeliver);
  // Not a hawser's.
  const std::string foreign = stamp(R"({"type":"keys","target":"k"})", "app", 1, 0);
  EXPECT_EQ(listener.on_message(stream, foreign), kDeliver);
  EXPECT_EQ(listener.on_message(stream, foreign), kDeliver);
}

TEST(BusListenerTest, WhatIsNotStampedIsAlwaysDelivered) {
  CacheStats stats;
  BusListener listener("c", stats);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(listener.on_message(1, "hello"), kDeliver);
    EXPECT_EQ(listener.on_message(1, R"({"type":"keys","target":"k"})"), kDeliver);
    EXPECT_EQ(listener.on_message(1, R"({"origin":"o"})"), kDeliver);
  }
}

}  // namespace
}  // namespace hawser
