#include "proxy/degradation/drop_journal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace hawser {
namespace {

using Batch = DropJournal::Batch;
using Flush = DropJournal::Flush;
using Keys = std::vector<std::string>;

constexpr std::size_t kRoom = 1 << 20;

Keys sorted(Keys keys) {
  std::ranges::sort(keys);
  return keys;
}

/// Takes and confirms everything there is.
Keys drain(DropJournal& journal) {
  Keys keys;
  while (const auto batch = journal.take_batch(100)) {
    keys.insert(keys.end(), batch->keys.begin(), batch->keys.end());
    journal.confirm(*batch);
  }
  return sorted(keys);
}

void expect_clean(const DropJournal& journal) {
  EXPECT_TRUE(journal.empty());
  EXPECT_EQ(journal.size(), 0U);
  EXPECT_EQ(journal.bytes(), 0U);
}

TEST(DropJournal, NewJournalHasNothing) {
  DropJournal journal(10, kRoom);
  expect_clean(journal);
  EXPECT_FALSE(journal.take_batch(10));
  EXPECT_TRUE(journal.flushes().empty());
  EXPECT_FALSE(journal.is_flushing(0, "k"));
}

TEST(DropJournal, EachKeyIsKeptOnceForItsUserAndDatabase) {
  DropJournal journal(10, kRoom);
  EXPECT_TRUE(journal.add(0, 0, "k", "*"));
  EXPECT_TRUE(journal.add(0, 0, "k", "*"));
  EXPECT_EQ(journal.size(), 1U);
  EXPECT_TRUE(journal.add(0, 1, "k", "*"));
  EXPECT_TRUE(journal.add(1, 0, "k", "*"));
  EXPECT_EQ(journal.size(), 3U);
  EXPECT_EQ(journal.bytes(), 3 * (1 + DropJournal::kKeyOverhead));
  EXPECT_EQ(drain(journal), (Keys{"k", "k", "k"}));
  expect_clean(journal);
}

TEST(DropJournal, BatchIsOfOneUserAndDatabaseAndNoLongerThanAsked) {
  DropJournal journal(10, kRoom);
  for (const std::string_view key : {"a", "b", "c"}) journal.add(0, 3, key, "*");
  journal.add(7, 3, "d", "*");
  const auto first = journal.take_batch(2);
  const auto second = journal.take_batch(2);
  const auto third = journal.take_batch(2);
  ASSERT_TRUE(first && second && third);
  EXPECT_FALSE(journal.take_batch(2));
  EXPECT_EQ(first->keys.size(), 2U);
  EXPECT_EQ(second->keys.size(), 1U);
  EXPECT_EQ(first->user, 0U);
  EXPECT_EQ(first->database, 3U);
  Keys both = first->keys;
  both.insert(both.end(), second->keys.begin(), second->keys.end());
  EXPECT_EQ(sorted(both), (Keys{"a", "b", "c"}));
  EXPECT_EQ(third->user, 7U);
  EXPECT_EQ(third->keys, Keys{"d"});
  for (const auto& batch : {first, second, third}) journal.confirm(*batch);
  expect_clean(journal);
}

TEST(DropJournal, KeysInABatchStayInTheJournalUntilConfirmed) {
  DropJournal journal(10, kRoom);
  journal.add(0, 0, "k", "*");
  const auto batch = journal.take_batch(10);
  ASSERT_TRUE(batch);
  EXPECT_FALSE(journal.empty());
  EXPECT_EQ(journal.bytes(), 1 + DropJournal::kKeyOverhead);
  journal.confirm(*batch);
  expect_clean(journal);
}

TEST(DropJournal, KeysGivenBackAreTakenAgain) {
  DropJournal journal(10, kRoom);
  journal.add(0, 0, "a", "*");
  journal.add(0, 0, "b", "*");
  const auto batch = journal.take_batch(10);
  ASSERT_TRUE(batch);
  journal.give_back(*batch);
  EXPECT_EQ(journal.size(), 2U);
  EXPECT_EQ(drain(journal), (Keys{"a", "b"}));
  expect_clean(journal);
}

TEST(DropJournal, KeyAddedWhileItsBatchIsOutWaitsAgain) {
  DropJournal journal(10, kRoom);
  journal.add(0, 0, "a", "*");
  journal.add(0, 0, "b", "*");
  const auto batch = journal.take_batch(10);
  ASSERT_TRUE(batch);
  EXPECT_TRUE(journal.add(0, 0, "a", "*"));
  EXPECT_EQ(journal.size(), 2U);
  journal.confirm(*batch);
  EXPECT_EQ(journal.size(), 1U);
  EXPECT_EQ(drain(journal), Keys{"a"});
  expect_clean(journal);
}

TEST(DropJournal, KeyAddedWhileItsBatchIsOutIsKeptOnceAfterGivingBack) {
  DropJournal journal(10, kRoom);
  journal.add(0, 0, "a", "*");
  const auto batch = journal.take_batch(10);
  ASSERT_TRUE(batch);
  journal.add(0, 0, "a", "*");
  journal.give_back(*batch);
  EXPECT_EQ(journal.size(), 1U);
  EXPECT_EQ(drain(journal), Keys{"a"});
  expect_clean(journal);
}

TEST(DropJournal, OldBatchDoesNotSettleAKeyThatANewerOneHas) {
  DropJournal journal(10, kRoom);
  journal.add(0, 0, "a", "*");
  const auto old = journal.take_batch(10);
  journal.add(0, 0, "a", "*");
  const auto newer = journal.take_batch(10);
  ASSERT_TRUE(old && newer);
  journal.confirm(*old);
  EXPECT_EQ(journal.size(), 1U);
  journal.give_back(*old);
  EXPECT_FALSE(journal.take_batch(10)) << "the key is out with the newer batch";
  journal.give_back(*newer);
  EXPECT_EQ(drain(journal), Keys{"a"});
  expect_clean(journal);
}

TEST(DropJournal, BatchSettledTwiceChangesNothing) {
  DropJournal journal(10, kRoom);
  journal.add(0, 0, "a", "*");
  const auto batch = journal.take_batch(10);
  ASSERT_TRUE(batch);
  journal.confirm(*batch);
  journal.confirm(*batch);
  journal.give_back(*batch);
  expect_clean(journal);
  journal.add(0, 0, "a", "*");
  journal.confirm(*batch);
  EXPECT_EQ(drain(journal), Keys{"a"});
}

TEST(DropJournal, TooManyKeysMarkThePatternAndGiveUpItsKeys) {
  DropJournal journal(3, kRoom);
  EXPECT_TRUE(journal.add(0, 0, "a:1", "a:*"));
  EXPECT_TRUE(journal.add(0, 0, "a:2", "a:*"));
  EXPECT_TRUE(journal.add(0, 0, "b:1", "b:*"));
  EXPECT_FALSE(journal.add(0, 0, "a:3", "a:*"));
  ASSERT_EQ(journal.flushes().size(), 1U);
  EXPECT_EQ(journal.flushes()[0].user, 0U);
  EXPECT_EQ(journal.flushes()[0].database, 0U);
  EXPECT_EQ(journal.flushes()[0].pattern, "a:*");
  EXPECT_EQ(journal.bytes(), 3 + DropJournal::kKeyOverhead);
  EXPECT_EQ(drain(journal), Keys{"b:1"});
  expect_clean(journal);
}

TEST(DropJournal, KnownKeyNeedsNoRoom) {
  DropJournal journal(1, kRoom);
  journal.add(0, 0, "a", "*");
  EXPECT_TRUE(journal.add(0, 0, "a", "*"));
  const auto batch = journal.take_batch(1);
  EXPECT_TRUE(journal.add(0, 0, "a", "*"));
  EXPECT_TRUE(journal.flushes().empty());
}

TEST(DropJournal, TooManyBytesMarkThePattern) {
  const std::size_t cost = 3 + DropJournal::kKeyOverhead;
  DropJournal journal(1000, 2 * cost);
  EXPECT_TRUE(journal.add(0, 0, "a:1", "a:*"));
  EXPECT_TRUE(journal.add(0, 0, "b:1", "b:*"));
  EXPECT_EQ(journal.bytes(), 2 * cost);
  EXPECT_FALSE(journal.add(0, 0, "b:2", "b:*"));
  EXPECT_EQ(journal.bytes(), cost);
  EXPECT_FALSE(journal.add(0, 0, "c:" + std::string(cost, 'c'), "c:*"));
  EXPECT_EQ(journal.flushes().size(), 2U);
  EXPECT_TRUE(journal.add(0, 0, "d:1", "d:*"));
}

TEST(DropJournal, JournalWithoutRoomMarksAtOnce) {
  DropJournal journal(0, 0);
  EXPECT_FALSE(journal.add(0, 0, "a", "*"));
  expect_clean(journal);
  EXPECT_TRUE(journal.is_flushing(0, "a"));
}

TEST(DropJournal, KeysUnderAMarkedPatternAreNotKept) {
  DropJournal journal(1, kRoom);
  journal.add(0, 0, "a:1", "a:*");
  journal.add(0, 0, "a:2", "a:*");
  EXPECT_FALSE(journal.add(0, 0, "a:3", "a:*"));
  EXPECT_EQ(journal.flushes().size(), 1U);
  expect_clean(journal);
}

TEST(DropJournal, OtherUsersAndDatabasesKeepTheirKeys) {
  DropJournal journal(3, kRoom);
  journal.add(0, 0, "a:1", "a:*");
  journal.add(0, 1, "a:1", "a:*");
  journal.add(1, 0, "a:1", "a:*");
  EXPECT_FALSE(journal.add(0, 0, "a:2", "a:*"));
  EXPECT_EQ(journal.size(), 2U);
  EXPECT_TRUE(journal.add(1, 0, "a:2", "a:*"));
}

TEST(DropJournal, ReadsUnderAMarkedPatternOfTheDatabaseAreMissesForAll) {
  DropJournal journal(0, kRoom);
  journal.add(5, 2, "a:1", "a:*");
  EXPECT_TRUE(journal.is_flushing(2, "a:1"));
  EXPECT_TRUE(journal.is_flushing(2, "a:never seen"));
  EXPECT_FALSE(journal.is_flushing(2, "b:1"));
  EXPECT_FALSE(journal.is_flushing(0, "a:1"));
}

TEST(DropJournal, FlushThatWentThroughEndsTheMark) {
  DropJournal journal(0, kRoom);
  journal.add(0, 0, "a:1", "a:*");
  journal.add(0, 0, "b:1", "b:*");
  const Flush flush = journal.flushes()[0];
  EXPECT_TRUE(journal.flush_done(flush));
  EXPECT_FALSE(journal.is_flushing(0, "a:1"));
  EXPECT_TRUE(journal.is_flushing(0, "b:1"));
  ASSERT_EQ(journal.flushes().size(), 1U);
  EXPECT_EQ(journal.flushes()[0].pattern, "b:*");
  EXPECT_TRUE(journal.flush_done(flush)) << "ended before";
  EXPECT_EQ(journal.flushes().size(), 1U);
}

TEST(DropJournal, WriteDroppedDuringAFlushNeedsAnother) {
  DropJournal journal(0, kRoom);
  journal.add(0, 0, "a:1", "a:*");
  const Flush flush = journal.flushes()[0];
  journal.add(0, 0, "a:1", "a:*");
  EXPECT_FALSE(journal.flush_done(flush));
  EXPECT_TRUE(journal.is_flushing(0, "a:1"));
  EXPECT_TRUE(journal.flush_done(Flush(journal.flushes()[0])));
  EXPECT_FALSE(journal.is_flushing(0, "a:1"));
}

TEST(DropJournal, FlushFromBeforeDoesNotEndALaterMark) {
  DropJournal journal(0, kRoom);
  journal.add(0, 0, "a:1", "a:*");
  const Flush old = journal.flushes()[0];
  EXPECT_TRUE(journal.flush_done(old));
  journal.add(0, 0, "a:1", "a:*");
  EXPECT_FALSE(journal.flush_done(old));
  EXPECT_TRUE(journal.is_flushing(0, "a:1"));
}

TEST(DropJournal, KeysAreKeptAgainAfterTheFlush) {
  DropJournal journal(1, kRoom);
  journal.add(0, 0, "a:1", "a:*");
  journal.add(0, 0, "a:2", "a:*");
  EXPECT_TRUE(journal.flush_done(Flush(journal.flushes()[0])));
  EXPECT_TRUE(journal.add(0, 0, "a:3", "a:*"));
  EXPECT_EQ(drain(journal), Keys{"a:3"});
}

TEST(DropJournal, BatchWhosePatternWasGivenUpSettlesNothing) {
  DropJournal journal(2, kRoom);
  journal.add(0, 0, "a:1", "a:*");
  journal.add(0, 0, "a:2", "a:*");
  const auto batch = journal.take_batch(10);
  ASSERT_TRUE(batch);
  EXPECT_FALSE(journal.add(0, 0, "a:3", "a:*"));
  expect_clean(journal);
  journal.give_back(*batch);
  expect_clean(journal);
  EXPECT_FALSE(journal.take_batch(10));

  // The flush goes through and a key of the old batch comes again.
  EXPECT_TRUE(journal.flush_done(Flush(journal.flushes()[0])));
  journal.add(0, 0, "a:1", "a:*");
  const auto again = journal.take_batch(10);
  ASSERT_TRUE(again);
  journal.confirm(*batch);
  EXPECT_EQ(journal.size(), 1U);
  journal.confirm(*again);
  expect_clean(journal);
}

TEST(DropJournal, NoDroppedWriteIsEverForgotten) {
  // Against a model: after every write dropped, its key must be deleted by a batch taken later and
  // confirmed, or by a flush begun later and done. Steps are chosen by a fixed generator.
  std::uint32_t random = 1;
  const auto pick = [&random](std::uint32_t n) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % n;
  };
  for (int round = 0; round < 200; ++round) {
    DropJournal journal(1 + pick(8), 100 * (1 + pick(12)));
    struct Dropped {
      UserId user;
      std::uint32_t database;
      std::string key;
      int written;
    };
    std::vector<Dropped> stale;  ///< Not deleted since; `written`: the step of the last write.
    std::vector<std::pair<Batch, int>> batches;
    std::vector<std::pair<Flush, int>> flushes;
    const auto settle = [&stale](const auto& deletes, int begun) {
      std::erase_if(stale, [&](const Dropped& d) { return d.written < begun && deletes(d); });
    };
    const auto step = [&](int now, bool may_drop) {
      switch (pick(may_drop ? 8 : 4)) {
        case 0:
          if (auto batch = journal.take_batch(1 + pick(3))) batches.emplace_back(*batch, now);
          break;
        case 1: {
          if (batches.empty()) break;
          const auto [batch, begun] = batches.back();
          batches.pop_back();
          if (pick(2) == 0) {
            journal.give_back(batch);
            break;
          }
          journal.confirm(batch);
          settle(
              [&b = batch](const Dropped& d) {
                return d.user == b.user && d.database == b.database &&
                       std::ranges::find(b.keys, d.key) != b.keys.end();
              },
              begun);
          break;
        }
        case 2:
          for (const Flush& flush : journal.flushes()) flushes.emplace_back(flush, now);
          break;
        case 3: {
          if (flushes.empty()) break;
          const auto [flush, begun] = flushes.back();
          flushes.pop_back();
          const auto is_under = [&f = flush](const Dropped& d) {
            return d.user == f.user && d.database == f.database && d.key[0] == f.pattern[0];
          };
          settle(is_under, begun);
          if (journal.flush_done(flush)) {
            EXPECT_FALSE(journal.is_flushing(flush.database, flush.pattern)) << round;
          }
          break;
        }
        default: {
          Dropped d{0, pick(2), std::string(1, static_cast<char>('a' + pick(2))), now};
          const std::string pattern = d.key + "*";
          d.key += std::to_string(pick(6));
          journal.add(d.user, d.database, d.key, pattern);
          std::erase_if(stale, [&d](const Dropped& old) {
            return old.user == d.user && old.database == d.database && old.key == d.key;
          });
          stale.push_back(d);
        }
      }
    };
    int now = 0;
    while (now < 300) step(++now, true);
    // No more writes: what is out of date must be in the journal or under a mark, at each moment.
    while (now < 600) {
      step(++now, false);
      if (!journal.empty()) continue;
      for (const Dropped& d : stale) {
        EXPECT_TRUE(journal.is_flushing(d.database, d.key)) << round << " " << d.key;
      }
    }
    for (auto& [batch, begun] : batches) journal.give_back(batch);
    while (const auto batch = journal.take_batch(3)) {
      settle(
          [&](const Dropped& d) {
            return d.user == batch->user && d.database == batch->database &&
                   std::ranges::find(batch->keys, d.key) != batch->keys.end();
          },
          ++now);
      journal.confirm(*batch);
    }
    expect_clean(journal);
    for (const Dropped& d : stale) {
      EXPECT_TRUE(journal.is_flushing(d.database, d.key)) << round << " " << d.key;
    }
  }
}

}  // namespace
}  // namespace hawser
