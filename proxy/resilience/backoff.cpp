#include "proxy/resilience/backoff.hpp"

#include <algorithm>

namespace hawser {

Backoff::Milliseconds Backoff::next() {
  ceiling_ = std::min(max_, std::max(min_, ceiling_ * 2));
  std::uniform_int_distribution<std::int64_t> draw(ceiling_.count() / 2, ceiling_.count());
  return Milliseconds(draw(random_));
}

}  // namespace hawser
