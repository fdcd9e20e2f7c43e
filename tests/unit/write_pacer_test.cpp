#include "proxy/upstream/write_pacer.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;

TEST(WritePacer, FirstRequestIsNeverHeld) {
  const WritePacer pacer;
  EXPECT_FALSE(pacer.holds(0, 100));
}

TEST(WritePacer, HoldsBehindAQuickServersRequestsInFlight) {
  WritePacer pacer;
  TimePoint now{1s};
  for (int i = 0; i < 100; ++i) {
    pacer.on_write(now);
    now += 50us;
    pacer.on_reply(now);
  }
  EXPECT_TRUE(pacer.holds(40, 100));
  EXPECT_FALSE(pacer.holds(40, 64 << 10));
}

TEST(WritePacer, DoesNotHoldForAServerThatIsFarAway) {
  WritePacer pacer;
  TimePoint now{1s};
  for (int i = 0; i < 100; ++i) {
    pacer.on_write(now);
    now += 2ms;
    pacer.on_reply(now);
  }
  EXPECT_FALSE(pacer.holds(40, 100));
}

TEST(WritePacer, ReplyWithoutAWriteTellsNothing) {
  WritePacer pacer;
  for (int i = 0; i < 100; ++i) pacer.on_reply(TimePoint{1s});
  EXPECT_TRUE(pacer.holds(1, 1));
}

}  // namespace
}  // namespace hawser
