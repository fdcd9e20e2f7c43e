#include "proxy/resilience/backoff.hpp"

#include <gtest/gtest.h>

#include <set>

namespace hawser {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsMaximumWithinHalfAndWhole) {
  Backoff backoff(50ms, 500ms, 7);
  for (const auto ceiling : {50ms, 100ms, 200ms, 400ms, 500ms, 500ms}) {
    const auto delay = backoff.next();
    EXPECT_GE(delay, ceiling / 2);
    EXPECT_LE(delay, ceiling);
  }
}

TEST(Backoff, IsShortAgainAfterASuccess) {
  Backoff backoff(50ms, 500ms, 7);
  for (int i = 0; i < 10; ++i) (void)backoff.next();
  backoff.reset();
  EXPECT_LE(backoff.next(), 50ms);
}

TEST(Backoff, DelaysDiffer) {
  Backoff backoff(500ms, 500ms, 7);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 50; ++i) seen.insert(backoff.next().count());
  EXPECT_GT(seen.size(), 20U);
}

}  // namespace
}  // namespace hawser
