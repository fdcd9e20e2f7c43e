#pragma once

#include <cstdint>
#include <random>

namespace hawser {

/// Decides which writes of tagged keys look for dead members as well: one in sixteen, for up to 32
/// of them, which is twice as many as are added. By chance, so that no order of an application's
/// writes leaves a tag out for ever.
class PruneChance {
 public:
  bool draw() { return random_() % kEvery == 0; }

 private:
  static constexpr std::uint32_t kEvery = 16;

  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace hawser
