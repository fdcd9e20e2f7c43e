#include "proxy/traffic/blocking_time.hpp"

#include <charconv>
#include <string>
#include <vector>

namespace hawser {

namespace {

enum class Unit { seconds, milliseconds };

bool is_block_word(std::string_view word) {
  return word.size() == 5 && (word[0] | 0x20) == 'b' && (word[1] | 0x20) == 'l' &&
         (word[2] | 0x20) == 'o' && (word[3] | 0x20) == 'c' && (word[4] | 0x20) == 'k';
}

bool is_stream_read(const Request& request) {
  return request.command != nullptr &&
         (request.command->name == "xread" || request.command->name == "xreadgroup");
}

/// Where the BLOCK option's value stands, or 0. What follows STREAMS are keys and ids.
std::size_t block_value(const Request& request) {
  // XREADGROUP GROUP <group> <consumer> comes first and may be named like an option.
  const std::size_t first = request.command->name == "xreadgroup" ? 4 : 1;
  for (std::size_t i = first; i + 1 < request.argc(); ++i) {
    const std::string_view word = request.arg(i);
    if (word.size() == 7 && (word[0] | 0x20) == 's' && (word[6] | 0x20) == 's') return 0;
    if (is_block_word(word)) return i + 1;
  }
  return 0;
}

std::optional<Duration> parse(std::string_view text, Unit unit) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // Beyond a century nothing is told apart from for ever; it also keeps the sum within range.
  constexpr double kLongest = 3.2e9;
  const double seconds = unit == Unit::seconds ? value : value / 1000;
  if (!(seconds >= 0) || seconds > kLongest) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

/// Where the time-out of a blocking request stands.
struct Place {
  std::size_t argument;
  Unit unit;
};

Place place_of(const Request& request) {
  if (is_stream_read(request)) return {block_value(request), Unit::milliseconds};
  const std::string_view name = request.command->name;
  if (name == "blmpop" || name == "bzmpop") return {1, Unit::seconds};
  return {request.argc() - 1, is_wait(request) ? Unit::milliseconds : Unit::seconds};
}

}  // namespace

bool is_blocking(const Request& request) {
  if (request.command == nullptr) return false;
  if (is_stream_read(request)) return block_value(request) != 0;
  return request.command->command_class == protocol::CommandClass::blocking;
}

bool is_wait(const Request& request) {
  return request.command != nullptr &&
         (request.command->name == "wait" || request.command->name == "waitaof");
}

std::optional<Duration> blocking_time(const Request& request) {
  if (!is_blocking(request) || request.argc() < 3) return std::nullopt;
  const Place place = place_of(request);
  return parse(request.arg(place.argument), place.unit);
}

std::string with_blocking_time(const Request& request, Duration left, bool whole_seconds) {
  const Place place = place_of(request);
  // Rounded up: zero would be for ever.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  std::string time = std::to_string(ms);
  if (place.unit == Unit::seconds && whole_seconds) {
    time = std::to_string((ms + 999) / 1000);
  } else if (place.unit == Unit::seconds) {
    const std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
    time = std::to_string(ms / 1000) + "." + fraction;
  }
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < request.argc(); ++i) words.push_back(request.arg(i));
  words[place.argument] = time;
  std::string bytes;
  protocol::append_command(bytes, words);
  return bytes;
}

std::optional<TimePoint> blocking_deadline(const Request& request, TimePoint now, Duration grace) {
  const auto time = blocking_time(request);
  if (!time) return std::nullopt;
  if (*time == Duration::zero()) return TimePoint::max();
  return now + *time + grace;
}

}  // namespace hawser
