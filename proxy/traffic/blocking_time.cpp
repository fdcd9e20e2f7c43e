#include "proxy/traffic/blocking_time.hpp"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

enum class Unit { seconds, milliseconds };

bool is_stream_read(const Request& request) {
  return request.command != nullptr &&
         (request.command->name == "xread" || request.command->name == "xreadgroup");
}

/// Where the BLOCK option's value stands, the last one's if there are several, or 0. The options
/// come in any order, and what follows STREAMS are keys and ids.
std::size_t block_value(const Request& request) {
  std::size_t value = 0;
  for (std::size_t i = 1; i + 1 < request.argc(); ++i) {
    const std::string_view word = request.arg(i);
    if (is_word(word, "streams")) break;
    if (is_word(word, "block")) {
      value = ++i;
    } else if (is_word(word, "count")) {
      ++i;
    } else if (is_word(word, "group")) {
      i += 2;  // Group and consumer may be named like an option.
    }
    // Another word is NOACK, or one that only a newer server knows: a BLOCK may follow.
  }
  return value;
}

/// Beyond a century nothing is told apart from for ever; it also keeps sums within range.
constexpr std::int64_t kLongestMs = 3'200'000'000'000;

Duration from_ms(std::int64_t ms) {
  return ms > kLongestMs ? Duration::zero() : std::chrono::milliseconds(ms);
}

/// As Redis' string2ll().
std::optional<Duration> parse_milliseconds(std::string_view text) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (ms < 0 || std::to_string(ms) != text) return std::nullopt;
  return from_ms(ms);
}

/// As Redis' string2ld(), which takes what strtold() takes, and rounded up to milliseconds.
std::optional<Duration> parse_seconds(std::string_view text) {
  constexpr std::size_t kLongestNumber = 5 * 1024;
  if (text.empty() || text.size() >= kLongestNumber) return std::nullopt;
  if (std::isspace(static_cast<unsigned char>(text.front())) != 0) return std::nullopt;
  const std::string number(text);
  char* end = nullptr;
  errno = 0;
  const long double seconds = std::strtold(number.c_str(), &end);
  if (end != number.c_str() + number.size()) return std::nullopt;
  if (errno == ERANGE && std::fpclassify(seconds) == FP_ZERO) return std::nullopt;
  const long double ms = std::ceil(seconds * 1000);
  constexpr auto kMost = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
  if (!(ms >= 0) || ms >= kMost) return std::nullopt;
  return from_ms(static_cast<std::int64_t>(ms));
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
  const std::string_view text = request.arg(place.argument);
  return place.unit == Unit::seconds ? parse_seconds(text) : parse_milliseconds(text);
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
