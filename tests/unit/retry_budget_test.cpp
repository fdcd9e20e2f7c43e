#include "proxy/resilience/retry_budget.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

TEST(RetryBudget, GivesFiveOfTenTokensAndThenNoMore) {
  RetryBudget budget(10);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(budget.take(1)) << i;
  EXPECT_FALSE(budget.take(1));
}

TEST(RetryBudget, TenSuccessesAreOneRetry) {
  RetryBudget budget(10);
  EXPECT_TRUE(budget.take(5));
  budget.on_successes(9);
  EXPECT_FALSE(budget.take(1));
  budget.on_successes(1);
  EXPECT_TRUE(budget.take(1));
  EXPECT_FALSE(budget.take(1));
}

TEST(RetryBudget, IsNeverFullerThanFull) {
  RetryBudget budget(10);
  budget.on_successes(1'000'000);
  EXPECT_TRUE(budget.take(5));
  EXPECT_FALSE(budget.take(1));
}

TEST(RetryBudget, GivesAllOrNothing) {
  RetryBudget budget(10);
  EXPECT_FALSE(budget.take(6));
  EXPECT_TRUE(budget.take(5));
}

TEST(RetryBudget, OfNoTokensGivesNothing) {
  RetryBudget budget(0);
  budget.on_successes(100);
  EXPECT_FALSE(budget.take(1));
}

}  // namespace
}  // namespace hawser
