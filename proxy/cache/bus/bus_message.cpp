#include "proxy/cache/bus/bus_message.hpp"

#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 3> kTypeNames = {"tags", "keys", "pattern"};
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kOriginField = ",\"origin\":\"";
constexpr std::string_view kSequenceField = "\",\"sequence\":";
constexpr std::string_view kTimeField = ",\"time\":\"";
constexpr std::string_view kEnd = "\"}";
/// Of "2026-01-31T12:00:00.000Z".
constexpr std::size_t kTimeBytes = 24;
constexpr std::size_t kMostDigits = 20;

/// `text` as a JSON object in `memory`, or null.
json::value parse_object(std::string_view text, json::monotonic_resource& memory) {
  json::parse_options options;
  options.max_depth = 32;
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error,
                                  json::storage_ptr(&memory), options);
  if (error || !value.is_object()) return nullptr;
  return value;
}

std::string_view view_of(const json::string& text) {
  return {text.data(), text.size()};
}

std::string as_json(std::string_view text) {
  return json::serialize(json::string_view(text.data(), text.size()));
}

/// Why it cannot be one, or an empty text.
std::string_view check_target(BusMessage::Type type, const json::value& target) {
  if (!target.is_string()) return "a target is not a string";
  const std::size_t size = target.get_string().size();
  if (size == 0) return "a target is empty";
  if (type == BusMessage::Type::tags && size > BusMessage::kLongestTag) return "a tag is too long";
  return {};
}

std::string iso_time(std::int64_t time_ms) {
  const std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  (void)::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> millis{};
  (void)std::snprintf(millis.data(), millis.size(), ".%03dZ", static_cast<int>(time_ms % 1000));
  return std::string(text.data(), length) + millis.data();
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() - i < length) return false;
    for (std::size_t j = 1; j < length; ++j) {
      if (!is_continuation(text[i + j])) return false;
    }
    const auto second = static_cast<unsigned char>(text[i + 1]);
    if (first == 0xE0 && second < 0xA0) return false;
    if (first == 0xED && second > 0x9F) return false;
    if (first == 0xF0 && second < 0x90) return false;
    if (first == 0xF4 && second > 0x8F) return false;
    i += length;
  }
  return true;
}

/// Takes `field` from the end of `text`; returns whether it was there.
bool take_end(std::string_view& text, std::string_view field) {
  if (!text.ends_with(field)) return false;
  text.remove_suffix(field.size());
  return true;
}

/// The stamp at the very end of `text`, as stamp() writes it. A quotation mark behind a comma
/// always begins a string in JSON, so that what looks like these fields is them, of the object that
/// ends last.
std::optional<BusStamp> read_last_fields(std::string_view text) {
  if (!take_end(text, kEnd) || text.size() < kTimeBytes) return std::nullopt;
  if (text.substr(text.size() - kTimeBytes).find_first_of("\"\\") != std::string_view::npos) {
    return std::nullopt;
  }
  text.remove_suffix(kTimeBytes);
  if (!take_end(text, kTimeField)) return std::nullopt;
  std::size_t digits = 0;
  while (digits < kMostDigits && digits < text.size() && text[text.size() - digits - 1] >= '0' &&
         text[text.size() - digits - 1] <= '9') {
    ++digits;
  }
  const std::string_view number = text.substr(text.size() - digits);
  BusStamp stamp;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), stamp.sequence);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  text.remove_suffix(digits);
  if (!take_end(text, kSequenceField)) return std::nullopt;
  const std::size_t begin = text.rfind('"');
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view origin = text.substr(begin + 1);
  text.remove_suffix(origin.size());
  if (!text.ends_with(kOriginField) || origin.empty() || origin.size() > BusStamp::kLongestOrigin ||
      origin.find('\\') != std::string_view::npos) {
    return std::nullopt;
  }
  stamp.origin = origin;
  return stamp;
}

}  // namespace

std::string_view bus_type_name(BusMessage::Type type) {
  return kTypeNames[static_cast<std::size_t>(type)];
}

ParsedBusMessage parse_bus_message(std::string_view text) {
  json::monotonic_resource memory;
  const json::value value = parse_object(text, memory);
  if (value.is_null()) return InvalidBusMessage{"not a JSON object"};
  const json::object& object = value.get_object();
  if (object.contains("origin")) return Performed{};
  const json::value* type = object.if_contains("type");
  if (type == nullptr || !type->is_string()) return InvalidBusMessage{"no type"};
  BusMessage message;
  std::size_t index = 0;
  while (index < kTypeNames.size() && kTypeNames[index] != view_of(type->get_string())) ++index;
  if (index == kTypeNames.size()) return InvalidBusMessage{"unknown type"};
  message.type = static_cast<BusMessage::Type>(index);
  const json::value* target = object.if_contains("target");
  if (target == nullptr) return InvalidBusMessage{"no target"};
  const json::value* begin = target;
  std::size_t count = 1;
  if (const json::array* targets = target->if_array()) {
    begin = targets->data();
    count = targets->size();
  }
  if (count == 0) return InvalidBusMessage{"no target"};
  if (count > BusMessage::kMostTargets) return InvalidBusMessage{"too many targets"};
  message.targets.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view problem = check_target(message.type, begin[i]);
    if (!problem.empty()) return InvalidBusMessage{problem};
    message.targets.emplace_back(view_of(begin[i].get_string()));
  }
  if (const json::value* source = object.if_contains("source"); source && source->is_string()) {
    message.source = view_of(source->get_string());
  }
  return message;
}

std::string stamp(std::string_view original, std::string_view origin, std::uint64_t sequence,
                  std::int64_t time_ms) {
  std::string rewritten;
  // Escapes in the names of fields cannot hide these from receivers, nor from this test: then there
  // is a backslash.
  const bool may_have_them = original.find("\"sequence\"") != std::string_view::npos ||
                             original.find("\"time\"") != std::string_view::npos ||
                             original.find('\\') != std::string_view::npos;
  if (may_have_them) {
    json::monotonic_resource memory;
    json::value value = parse_object(original, memory);
    json::object* object = value.if_object();
    if (object != nullptr && (object->contains("sequence") || object->contains("time"))) {
      object->stable_erase("sequence");
      object->stable_erase("time");
      rewritten = json::serialize(*object);
      original = rewritten;
    }
  }
  // Up to the brace that ends it, and the blanks before that.
  std::string_view body = original.substr(0, original.rfind('}'));
  body = body.substr(0, body.find_last_not_of(kBlanks) + 1);
  std::string out(body);
  out.reserve(body.size() + origin.size() + 96);
  if (!body.ends_with('{')) out += ',';
  out += "\"origin\":";
  out += as_json(origin);
  out += kSequenceField.substr(1);
  out += std::to_string(sequence);
  out += kTimeField;
  out += iso_time(time_ms);
  out += kEnd;
  return out;
}

std::optional<BusStamp> read_stamp(std::string_view text) {
  if (auto stamp = read_last_fields(text)) return stamp;
  // Somebody else wrote it, or wrote it anew.
  if (text.find("origin") == std::string_view::npos && text.find('\\') == std::string_view::npos) {
    return std::nullopt;
  }
  json::monotonic_resource memory;
  const json::value value = parse_object(text, memory);
  if (value.is_null()) return std::nullopt;
  const json::value* origin = value.get_object().if_contains("origin");
  const json::value* sequence = value.get_object().if_contains("sequence");
  if (origin == nullptr || sequence == nullptr || !origin->is_string()) return std::nullopt;
  const std::string_view name = view_of(origin->get_string());
  if (name.empty() || name.size() > BusStamp::kLongestOrigin) return std::nullopt;
  json::error_code error;
  const auto number = sequence->to_number<std::uint64_t>(error);
  if (error) return std::nullopt;
  return BusStamp{std::string(name), number};
}

bool is_hawsers_origin(std::string_view origin) {
  const std::size_t slash = origin.rfind('/');
  if (slash != std::string_view::npos && to_integer(origin.substr(slash + 1))) {
    origin = origin.substr(0, slash);
  }
  constexpr std::size_t kDigits = 16;
  if (origin.size() <= kDigits || origin[origin.size() - kDigits - 1] != '-') return false;
  return origin.substr(origin.size() - kDigits).find_first_not_of("0123456789abcdef") ==
         std::string_view::npos;
}

ComposedBusMessage compose(BusMessage::Type type, std::span<const std::string> targets,
                           std::string_view source) {
  ComposedBusMessage out;
  std::string list;
  for (const std::string& target : targets) {
    if (!is_utf8(target)) {
      ++out.left_out;
      continue;
    }
    if (!list.empty()) list += ',';
    list += as_json(target);
  }
  if (list.empty()) return out;
  out.text = "{\"type\":\"";
  out.text += bus_type_name(type);
  out.text += "\",\"target\":[";
  out.text += list;
  out.text += ']';
  if (!source.empty() && is_utf8(source)) {
    out.text += ",\"source\":";
    out.text += as_json(source);
  }
  out.text += '}';
  return out;
}

}  // namespace hawser
