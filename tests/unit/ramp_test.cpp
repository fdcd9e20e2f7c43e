#include "proxy/resilience/ramp.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

TEST(Ramp, AllowsEverythingUntilItBegins) {
  const Ramp ramp;
  EXPECT_TRUE(ramp.allows(1'000'000));
}

TEST(Ramp, BeginsWithSixteenAndGrowsByOneForEachReply) {
  Ramp ramp;
  ramp.begin();
  EXPECT_TRUE(ramp.allows(15));
  EXPECT_FALSE(ramp.allows(16));
  ramp.on_replies(16);
  EXPECT_TRUE(ramp.allows(31));
  EXPECT_FALSE(ramp.allows(32));
}

TEST(Ramp, EndsWhenEnoughWereAnswered) {
  Ramp ramp;
  ramp.begin();
  ramp.on_replies(4096);
  EXPECT_TRUE(ramp.allows(1'000'000));
  ramp.begin();
  EXPECT_FALSE(ramp.allows(16));
}

}  // namespace
}  // namespace hawser
