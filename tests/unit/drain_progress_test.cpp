#include "proxy/cache/invalidation/drain_progress.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace hawser {
namespace {

TEST(DrainProgress, OwnSetIsEmptied) {
  DrainProgress progress(10);
  EXPECT_TRUE(progress.wants_rename());
  EXPECT_FALSE(progress.on_batch(10, 500));
  EXPECT_FALSE(progress.wants_rename());
  EXPECT_TRUE(progress.on_batch(10, 0));
}

TEST(DrainProgress, AnOlderSetComesFirstAndIsNotEnough) {
  DrainProgress progress(10);
  EXPECT_FALSE(progress.on_batch(7, 100));
  EXPECT_FALSE(progress.on_batch(7, 0));
  EXPECT_TRUE(progress.wants_rename());
  EXPECT_FALSE(progress.on_batch(12, 3));
  EXPECT_TRUE(progress.on_batch(12, 0));
}

TEST(DrainProgress, NothingLeftAnywhereIsTheEnd) {
  DrainProgress progress(10);
  EXPECT_FALSE(progress.on_batch(7, 0));
  EXPECT_TRUE(progress.on_batch(0, 0));
}

TEST(DrainProgress, ALaterSetShowsThatTheOwnIsDone) {
  DrainProgress progress(10);
  EXPECT_FALSE(progress.on_batch(11, 5));
  EXPECT_TRUE(progress.on_batch(20, 5));
}

TEST(DrainProgress, FinishingForOthersNeverSetsTheIndexApart) {
  DrainProgress progress(0);
  EXPECT_FALSE(progress.wants_rename());
  EXPECT_FALSE(progress.on_batch(7, 5));
  EXPECT_TRUE(progress.on_batch(8, 5));
}

/// What the scripts do with one tag.
struct Store {
  std::set<int> index;
  std::set<int> drain;
  std::int64_t drain_sequence = 0;
  std::int64_t clock = 0;

  std::int64_t invalidate() {
    ++clock;
    if (drain.empty() && !index.empty()) set_apart();
    return clock;
  }
  void set_apart() {
    drain.swap(index);
    drain_sequence = clock;
  }
  bool batch(DrainProgress& progress) {
    if (drain.empty()) {
      if (!progress.wants_rename() || index.empty()) return progress.on_batch(0, 0);
      ++clock;
      set_apart();
    }
    for (int i = 0; i < 2 && !drain.empty(); ++i) drain.erase(drain.begin());
    return progress.on_batch(drain_sequence, static_cast<std::int64_t>(drain.size()));
  }
};

TEST(DrainProgress, WhateverTheOthersDoEachCallerIsDoneOnlyWhenAllItSawIsGone) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    Store store;
    struct Caller {
      DrainProgress progress;
      std::set<int> seen;
    };
    std::vector<Caller> callers;
    int next_key = 0;
    int steps = 0;
    for (int i = 0; i < 400 || !callers.empty(); ++i) {
      const auto dice = random() % 8;
      if (dice < 3 && i < 400) {
        store.index.insert(next_key++);
      } else if (dice == 3 && i < 400) {
        std::set<int> seen = store.index;
        seen.insert(store.drain.begin(), store.drain.end());
        callers.push_back({DrainProgress(store.invalidate()), std::move(seen)});
      } else if (!callers.empty()) {
        const std::size_t which = random() % callers.size();
        ASSERT_LT(++steps, 100'000);
        if (store.batch(callers[which].progress)) {
          for (const int key : callers[which].seen) {
            ASSERT_FALSE(store.index.contains(key)) << "seed " << seed;
            ASSERT_FALSE(store.drain.contains(key)) << "seed " << seed;
          }
          callers.erase(callers.begin() + static_cast<std::ptrdiff_t>(which));
        }
      }
    }
  }
}

}  // namespace
}  // namespace hawser
