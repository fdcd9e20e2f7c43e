#include "config/size.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace hawser::config {
namespace {

struct Unit {
  std::string_view name;
  unsigned shift;
};

constexpr std::array<Unit, 4> kUnits = {{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}};

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, failed] = std::from_chars(text.data(), last, number);
  if (failed != std::errc{}) return std::nullopt;
  std::string_view name(end, static_cast<std::size_t>(last - end));
  if (name.empty()) name = "B";
  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    const auto most =
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) >> unit.shift;
    if (number > most) return std::nullopt;
    return number << unit.shift;
  }
  return std::nullopt;
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0B";
  for (const Unit& unit : kUnits) {
    const std::uint64_t factor = std::uint64_t{1} << unit.shift;
    if (bytes % factor == 0) return std::to_string(bytes / factor) + std::string(unit.name);
  }
  return {};
}

}  // namespace hawser::config
