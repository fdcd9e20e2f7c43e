#include "proxy/cache/bus/bus_watch.hpp"

namespace hawser {

ChannelVerdict BusWatch::on_message(std::uint64_t stream, std::string_view origin,
                                    std::uint64_t sequence) {
  const auto found = places_.find({stream, origin});
  if (found == places_.end()) {
    entries_.push_front({stream, std::string(origin), sequence});
    places_.emplace(Key{stream, entries_.front().origin}, entries_.begin());
    if (entries_.size() > most_) {
      places_.erase({entries_.back().stream, entries_.back().origin});
      entries_.pop_back();
    }
    return ChannelVerdict::deliver;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  std::uint64_t& last = entries_.front().last;
  if (sequence <= last) return ChannelVerdict::repetition;
  const bool is_next = sequence - last == 1;
  last = sequence;
  return is_next ? ChannelVerdict::deliver : ChannelVerdict::gap;
}

void BusWatch::forget(std::uint64_t stream) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (entry->stream != stream) continue;
    places_.erase({stream, entry->origin});
    entries_.erase(entry);
  }
}

}  // namespace hawser
