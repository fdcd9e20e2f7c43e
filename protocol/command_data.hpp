#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "protocol/command_table.hpp"

namespace hawser::protocol {

/// A name folded to lower case (ASCII only) in two words: its first and its last eight bytes, which
/// overlap if it is short. Names of up to 16 bytes are equal if and only if their keys are; longer
/// ones may differ in the middle. Works at compile time as well, with the same result.
struct NameKey {
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  std::size_t size = 0;

  bool operator==(const NameKey&) const = default;

  static constexpr NameKey of(std::string_view name) {
    const char* const p = name.data();
    const std::size_t n = name.size();
    if (n >= 8) return {lower(load(p, 8)), lower(load(p + n - 8, 8)), n};
    if (n >= 4) return {lower(load(p, 4) | load(p + n - 4, 4) << 32), 0, n};
    if (n == 0) return {};
    return {lower(load(p, 1) | load(p + n / 2, 1) << 8 | load(p + n - 1, 1) << 16), 0, n};
  }

  /// Where to begin looking in a table of CommandIndex::kSlots.
  constexpr std::size_t slot() const {
    const std::uint64_t mixed = (head ^ std::rotl(tail, 29) ^ size) * 0x9E3779B97F4A7C15U;
    return static_cast<std::size_t>(mixed >> 54);
  }

  /// Sets the 0x20 bit of those of eight bytes that are 'A' to 'Z'.
  static constexpr std::uint64_t lower(std::uint64_t bytes) {
    constexpr std::uint64_t kEach = 0x0101010101010101U;
    const std::uint64_t low_bits = bytes & (kEach * 0x7F);
    const std::uint64_t from_a = low_bits + kEach * (0x80 - 'A');
    const std::uint64_t behind_z = low_bits + kEach * (0x80 - 'Z' - 1);
    const std::uint64_t upper = ~bytes & (from_a ^ behind_z) & (kEach * 0x80);
    return bytes | upper >> 2;
  }

  /// The `n` bytes at `p` as a little-endian number, on any machine.
  static constexpr std::uint64_t load(const char* p, std::size_t n) {
    std::uint64_t bytes = 0;
    if (std::is_constant_evaluated() || std::endian::native != std::endian::little) {
      for (std::size_t i = 0; i < n; ++i) {
        bytes |= std::uint64_t{static_cast<unsigned char>(p[i])} << (8 * i);
      }
    } else {
      std::memcpy(&bytes, p, n);
    }
    return bytes;
  }
};

/// The rows and how to find them. The only instance is kCommandIndex, built by the compiler.
struct CommandIndex {
  static constexpr std::size_t kSlots = 1024;

  const Command* commands = nullptr;
  std::size_t count = 0;
  std::size_t longest_name = 0;
  std::array<NameKey, kSlots / 2> keys{};  ///< By index of the row.
  /// Open addressing, linear probing: index of the row + 1, or 0. Subcommands, by their full names,
  /// have a table of their own, since they are no commands.
  std::array<std::uint16_t, kSlots> names{};
  std::array<std::uint16_t, kSlots> subcommands{};
  std::array<bool, kSlots> is_container{};  ///< By index of the row.
};

extern const CommandIndex kCommandIndex;

}  // namespace hawser::protocol
