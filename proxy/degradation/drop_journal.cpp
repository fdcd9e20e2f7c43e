#include "proxy/degradation/drop_journal.hpp"

#include <algorithm>
#include <iterator>

#include "protocol/glob.hpp"

namespace hawser {

bool DropJournal::add(UserId user, std::uint32_t database, std::string_view key,
                      std::string_view pattern) {
  ++last_drop_;
  if (Flush* const flush = find_flush(user, database, pattern)) {
    flush->last_drop = last_drop_;
    return false;
  }
  const auto place = places_.try_emplace(PlaceKey(user, database)).first;
  Entries& waiting = place->second.waiting;
  Entries& taken = place->second.taken;
  if (waiting.contains(key)) return true;
  if (const auto entry = taken.find(key); entry != taken.end()) {
    waiting.insert(taken.extract(entry));
    return true;
  }
  const std::uint32_t number = number_of(pattern);
  const std::size_t cost = key.size() + kKeyOverhead;
  if (size_ >= max_keys_ || cost > max_bytes_ - bytes_) {
    flushes_.push_back({user, database, std::string(pattern), last_drop_});
    give_up(place, number);
    return false;
  }
  waiting.emplace(key, Entry{number, 0});
  ++size_;
  bytes_ += cost;
  return true;
}

std::optional<DropJournal::Batch> DropJournal::take_batch(std::size_t most) {
  const auto place = std::ranges::find_if(
      places_, [](const Places::value_type& each) { return !each.second.waiting.empty(); });
  if (place == places_.end()) return std::nullopt;
  auto& [waiting, taken] = place->second;
  Batch batch{place->first.first, place->first.second, {}, ++last_batch_};
  while (!waiting.empty() && batch.keys.size() < most) {
    waiting.begin()->second.batch = batch.id;
    batch.keys.push_back(waiting.begin()->first);
    taken.insert(waiting.extract(waiting.begin()));
  }
  return batch;
}

void DropJournal::confirm(const Batch& batch) {
  const auto place = places_.find(PlaceKey(batch.user, batch.database));
  if (place == places_.end()) return;
  Entries& taken = place->second.taken;
  for (const std::string& key : batch.keys) {
    const auto entry = taken.find(key);
    if (entry != taken.end() && entry->second.batch == batch.id) forget(taken, entry);
  }
  drop_if_empty(place);
}

void DropJournal::give_back(const Batch& batch) {
  const auto place = places_.find(PlaceKey(batch.user, batch.database));
  if (place == places_.end()) return;
  auto& [waiting, taken] = place->second;
  for (const std::string& key : batch.keys) {
    const auto entry = taken.find(key);
    if (entry != taken.end() && entry->second.batch == batch.id) {
      waiting.insert(taken.extract(entry));
    }
  }
}

bool DropJournal::is_flushing(std::uint32_t database, std::string_view key) const {
  return std::ranges::any_of(flushes_, [database, key](const Flush& flush) {
    return flush.database == database && protocol::glob_match(flush.pattern, key);
  });
}

bool DropJournal::flush_done(const Flush& flush) {
  Flush* const found = find_flush(flush.user, flush.database, flush.pattern);
  if (found == nullptr) return true;
  if (found->last_drop != flush.last_drop) return false;
  flushes_.erase(flushes_.begin() + (found - flushes_.data()));
  return true;
}

DropJournal::Flush* DropJournal::find_flush(UserId user, std::uint32_t database,
                                            std::string_view pattern) {
  const auto found = std::ranges::find_if(flushes_, [&](const Flush& flush) {
    return flush.user == user && flush.database == database && flush.pattern == pattern;
  });
  return found == flushes_.end() ? nullptr : &*found;
}

std::uint32_t DropJournal::number_of(std::string_view pattern) {
  const auto found = std::ranges::find(patterns_, pattern);
  const auto number = static_cast<std::uint32_t>(found - patterns_.begin());
  if (found == patterns_.end()) patterns_.emplace_back(pattern);
  return number;
}

void DropJournal::give_up(Places::iterator place, std::uint32_t pattern) {
  for (Entries* const entries : {&place->second.waiting, &place->second.taken}) {
    for (auto entry = entries->begin(); entry != entries->end();) {
      const auto next = std::next(entry);
      if (entry->second.pattern == pattern) forget(*entries, entry);
      entry = next;
    }
  }
  drop_if_empty(place);
}

void DropJournal::forget(Entries& entries, Entries::iterator entry) {
  --size_;
  bytes_ -= entry->first.size() + kKeyOverhead;
  entries.erase(entry);
}

void DropJournal::drop_if_empty(Places::iterator place) {
  if (place->second.waiting.empty() && place->second.taken.empty()) places_.erase(place);
}

}  // namespace hawser
