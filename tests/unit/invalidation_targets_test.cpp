#include "proxy/cache/invalidation/invalidation_targets.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using Targets = std::vector<std::string>;

const CacheKeys kKeys("__hawser__:");

TEST(InvalidationTargets, EachIsTakenOnceInItsOrder) {
  BusMessage message{BusMessage::Type::tags, {"b", "a", "b", "a", "c"}, {}};
  EXPECT_EQ(prepare_targets(message, kKeys), "");
  EXPECT_EQ(message.targets, (Targets{"b", "a", "c"}));
}

TEST(InvalidationTargets, KeysOfHawserAreLeftAlone) {
  BusMessage message{BusMessage::Type::keys, {"k", "__hawser__:tag:t", "__hawser__"}, {}};
  EXPECT_EQ(prepare_targets(message, kKeys), "");
  EXPECT_EQ(message.targets, (Targets{"k", "__hawser__"}));
}

TEST(InvalidationTargets, ATagMayBeNamedLikeAKeyOfHawser) {
  BusMessage message{BusMessage::Type::tags, {"__hawser__:tag:t"}, {}};
  EXPECT_EQ(prepare_targets(message, kKeys), "");
  EXPECT_EQ(message.targets.size(), 1U);
}

TEST(InvalidationTargets, SoManyPatternsAndNoMore) {
  BusMessage message{BusMessage::Type::pattern, {}, {}};
  for (std::size_t i = 0; i < kMostPatterns; ++i) {
    message.targets.push_back("p" + std::to_string(i));
    message.targets.emplace_back("p0");
  }
  EXPECT_EQ(prepare_targets(message, kKeys), "");
  message.targets.emplace_back("one more");
  EXPECT_TRUE(prepare_targets(message, kKeys).starts_with("-ERR too many patterns"));
}

}  // namespace
}  // namespace hawser
