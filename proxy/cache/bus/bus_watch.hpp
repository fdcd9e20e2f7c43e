#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/traffic/channel_watch.hpp"

namespace hawser {

/// The last sequence that came of each origin, on each stream of messages: so it is known what is a
/// repetition and where something is missing. Knows so many origins; the one not heard of for the
/// longest time is forgotten first, and set anew by its next message. Pure.
class BusWatch {
 public:
  static constexpr std::size_t kMostOrigins = 4096;  ///< Of all streams together.
  explicit BusWatch(std::size_t most = kMostOrigins) : most_(most) {}

  ChannelVerdict on_message(std::uint64_t stream, std::string_view origin, std::uint64_t sequence);
  /// What comes next on the stream sets the start.
  void forget(std::uint64_t stream);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t stream;
    std::string origin;
    std::uint64_t last;
  };
  /// The origin is a view of the entry's own.
  struct Key {
    std::uint64_t stream;
    std::string_view origin;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string_view>()(key.origin) ^
             std::hash<std::uint64_t>()(key.stream * 0x9E3779B97F4A7C15U);
    }
  };

  const std::size_t most_;
  std::list<Entry> entries_;  ///< The one heard of last first.
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> places_;
};

}  // namespace hawser
