#include "proxy/cache/index_keeper.hpp"

#include <random>

#include "proxy/cache/lease_token.hpp"
#include "proxy/cache/lua_scripts.hpp"

namespace hawser {

namespace {

/// How often it is looked for what was left half done, and for how long nobody must have worked on
/// it: a batch takes milliseconds, a lost connection is replaced within a second.
constexpr Duration kLook = std::chrono::seconds(2);
constexpr std::int64_t kQuietMs = 5000;
constexpr std::size_t kMostAtOnce = 16;
/// Between two steps of a walk, each of which takes Redis well under a millisecond.
constexpr Duration kStep = std::chrono::milliseconds(10);
constexpr std::string_view kScanCount = "300";
constexpr std::string_view kSweepCount = "200";

std::string random_id() {
  std::random_device random;
  return to_hex(std::uint64_t{random()} << 32 | random());
}

}  // namespace

IndexKeeper::IndexKeeper(ScriptCaller& caller, const CacheKeys& keys, Invalidations& invalidations,
                         CacheStats& stats)
    : caller_(caller),
      upstream_(caller.upstream()),
      keys_(keys),
      invalidations_(invalidations),
      stats_(stats),
      unfinished_(upstream_.scripts().add(lua::kUnfinished)),
      sweep_(upstream_.scripts().add(lua::kSweep)),
      id_(random_id()),
      look_timer_(upstream_.loop(), [this] { look(); }),
      sweep_timer_(upstream_.loop(), [this] { begin_walk(); }),
      step_timer_(upstream_.loop(), [this] { walk(); }) {}

void IndexKeeper::note_use(const Context& context) {
  const auto [place, is_new] = places_.emplace(context.user, context.database);
  if (!is_new) return;
  const TimePoint now = upstream_.loop().now();
  look_timer_.set_no_later_than(now + kLook);
  sweep_timer_.set_no_later_than(now + upstream_.settings().cache.sweep);
}

void IndexKeeper::look() {
  look_timer_.set(upstream_.loop().now() + kLook);
  if (!upstream_.circuit().allows()) return;
  for (const Place& place : places_) look_at(Passage::lane, context_of(place));
}

void IndexKeeper::look_at(Passage passage, const Context& context) {
  const Place place(context.user, context.database);
  caller_.call(passage, context_of(place), unfinished_, {keys_.draining()},
               {std::to_string(kQuietMs), std::to_string(kMostAtOnce)},
               [this, context, place](const ScriptAnswer& answer) {
                 if (answer.kind != ScriptAnswer::Kind::reply || answer.items.empty()) return;
                 note_use(context);
                 for (const std::string& tag : answer.items) finish(place, tag);
               });
}

void IndexKeeper::finish(const Place& place, const std::string& tag) {
  if (finishing_.size() >= kMostAtOnce || !finishing_.emplace(place, tag).second) return;
  invalidations_.finish(context_of(place), tag, [this, place, tag] {
    finishing_.erase({place, tag});
  });
}

/// All databases in turn; in each only if no other instance did it within this time.
void IndexKeeper::begin_walk() {
  sweep_timer_.set(upstream_.loop().now() + upstream_.settings().cache.sweep);
  if (walk_ || !to_walk_.empty()) return;
  to_walk_.assign(places_.begin(), places_.end());
  end_walk();
}

void IndexKeeper::end_walk() {
  walk_.reset();
  if (to_walk_.empty()) return;
  const Place place = to_walk_.front();
  to_walk_.pop_front();
  const auto held = upstream_.settings().cache.sweep * 9 / 10;
  caller_.command(Passage::lane, context_of(place),
                  {"SET", keys_.sweeper(), id_, "NX", "PX", std::to_string(held.count())},
                  [this, place](const ScriptAnswer& answer) {
                    const bool is_mine = answer.kind == ScriptAnswer::Kind::reply &&
                                         !answer.items.empty() && answer.items.front() == "OK";
                    if (is_mine) walk_ = Walk{.place = place, .indexes = {}};
                    step_timer_.set(upstream_.loop().now() + kStep);
                  });
}

/// One step: a part of an index, or looking for more of them.
void IndexKeeper::walk() {
  if (!walk_ || (walk_->is_last && walk_->indexes.empty())) {
    end_walk();
    return;
  }
  const Context context = context_of(walk_->place);
  if (walk_->indexes.empty()) {
    caller_.command(
        Passage::lane, context,
        {"SCAN", walk_->cursor, "MATCH", keys_.prefix() + "*", "COUNT", std::string(kScanCount)},
        [this](const ScriptAnswer& answer) { on_keys(answer); });
    return;
  }
  caller_.call(Passage::lane, context, sweep_, {walk_->indexes.front()},
               {walk_->index_cursor, std::string(kSweepCount)}, [this](const ScriptAnswer& answer) {
                 walk_->index_cursor = answer.items.empty() ? "0" : answer.items.front();
                 stats_.swept.add(static_cast<std::uint64_t>(answer.integer(1)));
                 if (walk_->index_cursor == "0") walk_->indexes.pop_front();
                 step_timer_.set(upstream_.loop().now() + kStep);
               });
}

void IndexKeeper::on_keys(const ScriptAnswer& answer) {
  step_timer_.set(upstream_.loop().now() + kStep);
  if (answer.items.empty()) {  // No answer: another time.
    walk_.reset();
    return;
  }
  walk_->cursor = answer.items.front();
  walk_->is_last = walk_->cursor == "0";
  for (std::size_t i = 1; i < answer.items.size(); ++i) {
    const std::string& key = answer.items[i];
    const std::string_view tag = keys_.tag_of(key);
    if (tag.empty()) continue;
    if (key == keys_.drain(tag)) {
      look_after(walk_->place, std::string(tag));
    } else {
      walk_->indexes.push_back(key);
    }
  }
}

/// What was set apart is finished also if it is not known any more that it was.
void IndexKeeper::look_after(const Place& place, const std::string& tag) {
  caller_.command(Passage::lane, context_of(place), {"ZSCORE", keys_.draining(), tag},
                  [this, place, tag](const ScriptAnswer& answer) {
                    const bool is_unknown = answer.kind == ScriptAnswer::Kind::reply &&
                                            !answer.items.empty() && answer.items.front().empty();
                    if (is_unknown) finish(place, tag);
                  });
}

}  // namespace hawser
