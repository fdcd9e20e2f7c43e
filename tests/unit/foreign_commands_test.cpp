#include "proxy/commands/foreign_commands.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hawser {
namespace {

using Way = ForeignCommands::Way;
using Words = std::vector<std::string>;

constexpr TimePoint kNow{std::chrono::hours(1)};

TEST(ForeignCommands, OrdinaryOnesAreShared) {
  EXPECT_EQ(ForeignCommands::way_of(
                Words{"json.get", "-2", "readonly", "module", "1", "1", "1", "@slow"}),
            Way::shared);
  // Whatever its name is.
  EXPECT_EQ(ForeignCommands::way_of(Words{"pubsub", "2", "fast", "@fast"}), Way::shared);
}

TEST(ForeignCommands, WhatNeedsAConnectionIsNotShared) {
  for (const char* word : {"blocking", "pubsub", "noscript", "@connection"}) {
    EXPECT_EQ(ForeignCommands::way_of(Words{"x.y", "2", "write", word, "1", "1", "1", "@fast"}),
              Way::pinned)
        << word;
  }
}

TEST(ForeignCommands, WhatIsNotKnownIsNotShared) {
  EXPECT_EQ(ForeignCommands::way_of({}), Way::pinned);
  EXPECT_EQ(ForeignCommands::way_of(Words{""}), Way::pinned);  // Null: no such command.
  // A server that does not tell of categories could have a SELECT by another name.
  EXPECT_EQ(ForeignCommands::way_of(Words{"x.y", "2", "readonly", "fast", "1", "1", "1"}),
            Way::pinned);
}

TEST(ForeignCommands, AnswersAreRememberedForTheirTime) {
  ForeignCommands known;
  known.on_server("a");
  EXPECT_EQ(known.find("x", kNow), std::nullopt);
  known.remember("x", Way::shared, TimePoint::max());
  known.remember("y", Way::pinned, kNow + std::chrono::seconds(1));
  EXPECT_EQ(known.find("x", kNow), Way::shared);
  EXPECT_EQ(known.find("y", kNow), Way::pinned);
  EXPECT_EQ(known.find("y", kNow + std::chrono::seconds(1)), std::nullopt);
  EXPECT_EQ(known.size(), 1U);
}

TEST(ForeignCommands, AnotherRunOfTheServerMayHaveOthers) {
  ForeignCommands known;
  known.on_server("a");
  known.remember("x", Way::shared, TimePoint::max());
  known.on_server("a");
  EXPECT_EQ(known.find("x", kNow), Way::shared);
  known.on_server("b");
  EXPECT_EQ(known.find("x", kNow), std::nullopt);
}

TEST(ForeignCommands, NamesWithoutEndDoNotGrowIt) {
  ForeignCommands known;
  known.remember("used", Way::shared, TimePoint::max());
  for (int i = 0; i < 10000; ++i) {
    known.remember("nosuch" + std::to_string(i), Way::pinned, TimePoint::max());
    ASSERT_EQ(known.find("used", kNow), Way::shared) << i;
    ASSERT_LE(known.size(), 2 * ForeignCommands::kRemembered);
  }
  EXPECT_EQ(known.find("nosuch9999", kNow), Way::pinned);
  EXPECT_EQ(known.find("nosuch0", kNow), std::nullopt);
}

}  // namespace
}  // namespace hawser
