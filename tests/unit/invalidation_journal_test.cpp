#include "proxy/cache/invalidation/invalidation_journal.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hawser {
namespace {

using Journal = InvalidationJournal<std::string>;

constexpr TimePoint kStart{std::chrono::seconds(100)};
constexpr Duration kSecond = std::chrono::seconds(1);

TEST(InvalidationJournal, KeepsOrdersInTurnUntilTheyAreDone) {
  Journal journal(10, 100);
  EXPECT_TRUE(journal.add("a", 1, 1));
  EXPECT_TRUE(journal.add("b", 2, 1));
  EXPECT_EQ(journal.targets(), 3U);
  ASSERT_NE(journal.take(kStart), nullptr);
  EXPECT_EQ(journal.taken(), "a");
  journal.put_back();
  EXPECT_EQ(*journal.take(kStart), "a");
  journal.remove();
  EXPECT_EQ(*journal.take(kStart), "b");
  journal.remove();
  EXPECT_TRUE(journal.empty());
  EXPECT_EQ(journal.targets(), 0U);
  EXPECT_EQ(journal.take(kStart), nullptr);
  EXPECT_EQ(journal.next(), std::nullopt);
}

TEST(InvalidationJournal, RefusesWhatIsTooMuchAndTakesItWhenThereIsRoom) {
  Journal journal(3, 10);
  EXPECT_TRUE(journal.add("a", 2, 5));
  EXPECT_FALSE(journal.add("b", 2, 1));
  EXPECT_FALSE(journal.add("c", 1, 6));
  EXPECT_TRUE(journal.add("d", 1, 5));
  ASSERT_NE(journal.take(kStart), nullptr);
  journal.remove();
  EXPECT_TRUE(journal.add("b", 2, 5));
}

TEST(InvalidationJournal, OneThatIsPutOffLetsTheOthersPass) {
  Journal journal(10, 100);
  journal.add("a", 1, 1);
  journal.add("b", 1, 1);
  ASSERT_NE(journal.take(kStart), nullptr);
  EXPECT_EQ(journal.attempts(), 0U);
  journal.put_off(kStart + kSecond);
  EXPECT_EQ(*journal.take(kStart), "b");
  journal.remove();
  EXPECT_EQ(journal.take(kStart), nullptr);
  EXPECT_EQ(journal.next(), kStart + kSecond);
  EXPECT_EQ(*journal.take(kStart + kSecond), "a");
  EXPECT_EQ(journal.attempts(), 1U);
}

TEST(InvalidationJournal, ThoseWhoCameMeanwhileDoNotDisturbTheOneThatIsTaken) {
  Journal journal(10, 100);
  journal.add("a", 1, 1);
  ASSERT_NE(journal.take(kStart), nullptr);
  journal.add("b", 1, 1);
  journal.put_off(kStart + kSecond);
  journal.make_due();
  EXPECT_EQ(*journal.take(kStart), "b");
  journal.remove();
  EXPECT_EQ(*journal.take(kStart), "a");
}

}  // namespace
}  // namespace hawser
