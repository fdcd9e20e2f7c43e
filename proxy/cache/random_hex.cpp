#include "proxy/cache/random_hex.hpp"

#include <cstdint>
#include <random>

#include "proxy/cache/leases/lease_token.hpp"

namespace hawser {

std::string random_hex() {
  static thread_local std::random_device device;
  static thread_local std::mt19937_64 random(std::uint64_t{device()} << 32 | device());
  std::string digits = to_hex(random());
  return std::string(16 - digits.size(), '0') + digits;
}

}  // namespace hawser
