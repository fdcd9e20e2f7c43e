#include "proxy/runtime/ring_queue.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

namespace hawser {
namespace {

TEST(RingQueue, BehavesAsADequeOverManyRandomSteps) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  RingQueue<std::unique_ptr<int>> queue;
  std::deque<int> model;
  for (int step = 0; step < 20000; ++step) {
    // Phases that grow and phases that shrink, so that it becomes large and runs empty.
    const bool growing = step / 3000 % 2 == 0;
    if (random() % 3 < (growing ? 2U : 1U)) {
      queue.push(std::make_unique<int>(step));
      model.push_back(step);
    } else if (!model.empty()) {
      ASSERT_EQ(*queue.pop(), model.front());
      model.pop_front();
    }
    ASSERT_EQ(queue.size(), model.size());
    if (!model.empty()) {
      const std::size_t i = random() % model.size();
      ASSERT_EQ(*queue[i], model[i]);
      ASSERT_EQ(*queue.front(), model.front());
    }
  }
}

TEST(RingQueue, ClearEndsTheLifeOfWhatIsLeft) {
  auto shared = std::make_shared<int>(1);
  RingQueue<std::shared_ptr<int>> queue;
  for (int i = 0; i < 100; ++i) queue.push(std::shared_ptr(shared));
  queue.clear();
  EXPECT_EQ(shared.use_count(), 1);
  EXPECT_TRUE(queue.empty());
}

TEST(RingQueue, GivesItsMemoryBackOnlyWhenItHadBecomeLarge) {
  RingQueue<int> queue;
  for (int i = 0; i < 5000; ++i) queue.push(int{i});
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(queue.pop(), i);
  EXPECT_TRUE(queue.empty());
  queue.push(7);
  EXPECT_EQ(queue.front(), 7);
  EXPECT_EQ(queue.size(), 1U);
}

}  // namespace
}  // namespace hawser
