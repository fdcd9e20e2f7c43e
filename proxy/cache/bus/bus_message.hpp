#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hawser {

/// An invalidation on the bus, as an application publishes it:
///     {"type":"tags","target":["company:42"],"source":"orders"}
/// Further fields are the application's own and are passed on. What was read of it; pure.
struct BusMessage {
  enum class Type : std::uint8_t { tags, keys, pattern };
  Type type = Type::tags;
  std::vector<std::string> targets;  ///< Tags, keys or patterns of keys; never empty.
  std::string source;                ///< Who says so; may be empty.

  static constexpr std::size_t kMostTargets = 100000;
  static constexpr std::size_t kLongestTag = 256;  ///< Bytes.
};

/// What a message on the bus's channel is to hawser.
struct Performed {};  ///< It has an "origin": some hawser has done what it says, and stamped it.
struct InvalidBusMessage {
  std::string_view reason;  ///< A constant.
};
using ParsedBusMessage = std::variant<BusMessage, Performed, InvalidBusMessage>;

/// JSON as RFC 8259 has it, valid UTF-8, not nested deeper than 32. Of a field that is there twice
/// the last one counts, as for JavaScript. A "source" that is no string is ignored.
ParsedBusMessage parse_bus_message(std::string_view text);

/// What hawser adds to a message that it has performed.
struct BusStamp {
  std::string origin;
  std::uint64_t sequence = 0;

  static constexpr std::size_t kLongestOrigin = 256;  ///< Bytes.
};

/// `original` with "origin", "sequence" and "time" (ISO 8601, UTC, from `time_ms` since 1970) at
/// its end. All else stays as it is, byte for byte; but if there was a "sequence" or "time"
/// already, it is left out, and the others are written anew. REQUIRES: parse_bus_message() gave a
/// message, or compose() made it; `origin` is valid UTF-8.
std::string stamp(std::string_view original, std::string_view origin, std::uint64_t sequence,
                  std::int64_t time_ms);

/// Origin and sequence of a stamped message; nothing if it is none, or not one of hawser's making
/// (the origin no string of 1 to kLongestOrigin bytes, the sequence no whole number >= 0). Takes
/// constant time if the three fields stand at the end as stamp() puts them.
std::optional<BusStamp> read_stamp(std::string_view text);

/// Whether it may be a hawser's name for itself: anything, '-' and 16 digits (see random_hex()),
/// and perhaps '/' and a number. Applications may have a field of that name, too.
bool is_hawsers_origin(std::string_view origin);

/// A message of hawser's own, to be stamped.
struct ComposedBusMessage {
  std::string text;          ///< Empty if no target was left.
  std::size_t left_out = 0;  ///< Targets that are not valid UTF-8.
};
/// Names in Redis are bytes, in JSON they are characters: a target that is not valid UTF-8 has no
/// form that receivers would turn into the same bytes again, and is left out. The same for
/// `source`; an empty one is not written. REQUIRES: at most kMostTargets.
ComposedBusMessage compose(BusMessage::Type type, std::span<const std::string> targets,
                           std::string_view source);

/// As in the message: "tags", "keys" or "pattern".
std::string_view bus_type_name(BusMessage::Type type);

}  // namespace hawser
