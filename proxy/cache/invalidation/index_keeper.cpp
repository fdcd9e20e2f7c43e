#include "proxy/cache/invalidation/index_keeper.hpp"

#include <algorithm>

#include "proxy/cache/lua_scripts.hpp"
#include "proxy/cache/random_hex.hpp"
#include "proxy/cache/redis_refusal.hpp"
#include "proxy/traffic/words.hpp"
#include "proxy/upstream/handshake.hpp"

namespace hawser {

namespace {

/// How often it is looked for what was left half done, and for how long nobody must have worked on
/// it: a batch takes milliseconds, a lost connection is replaced within a second.
constexpr Duration kLook = std::chrono::seconds(2);
constexpr std::int64_t kQuietMs = 5000;
constexpr std::size_t kMostAtOnce = 16;
/// A place is remembered so long after its last use, or over two sweeps.
constexpr Duration kRemembered = std::chrono::minutes(10);
/// Between two steps of a walk, each of which takes Redis well under a millisecond. Longer where
/// each is a connection.
constexpr Duration kStep = std::chrono::milliseconds(10);
constexpr Duration kControlStep = std::chrono::milliseconds(50);
constexpr std::string_view kScanCount = "300";
constexpr std::string_view kSweepCount = "200";

/// KEYS draining; ARGV tag -> 1 or 0
constexpr std::string_view kIsKnown =
    "if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 1 end\nreturn 0";

/// Those with keys in them, from INFO keyspace: lines that begin with "db", a number and ':'.
std::vector<std::uint32_t> databases_in(std::string_view info) {
  std::vector<std::uint32_t> found;
  while (!info.empty()) {
    const std::string_view line = info.substr(0, info.find('\n'));
    info.remove_prefix(std::min(info.size(), line.size() + 1));
    const auto number =
        line.starts_with("db") ? to_integer(line.substr(2, line.find(':') - 2)) : std::nullopt;
    if (number) found.push_back(static_cast<std::uint32_t>(*number));
  }
  return found;
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
      is_known_(upstream_.scripts().add(kIsKnown)),
      sweep_(upstream_.scripts().add(lua::kSweep)),
      id_(random_hex()),
      look_timer_(upstream_.loop(), [this] { look(); }),
      sweep_timer_(upstream_.loop(), [this] { begin_walk(); }),
      step_timer_(upstream_.loop(), [this] { walk(); }) {}

void IndexKeeper::note_use(const Context& context) {
  const TimePoint now = upstream_.loop().now();
  const auto [place, is_new] = places_.insert_or_assign({context.user, context.database}, now);
  if (!is_new) return;
  look_timer_.set_no_later_than(now + kLook);
  sweep_timer_.set_no_later_than(now + upstream_.settings().cache.sweep);
}

/// A place used by clients lately has a lane that is open for them. Else it is asked on a
/// connection of its own: a lane would never be idle.
Passage IndexKeeper::passage_to(const Place& place) {
  if (place == Place(kUpstreamUser, upstream_.home_database())) return Passage::lane;
  const auto found = places_.find(place);
  if (found == places_.end()) return Passage::control;
  const TimePoint lately = upstream_.loop().now() - upstream_.settings().contexts.idle / 2;
  const MainLane* lane = upstream_.find_main_lane(context_of(place));
  const bool is_used = found->second > lately && lane != nullptr && lane->is_open();
  return is_used ? Passage::lane : Passage::control;
}

/// It comes back with the next use that is allowed.
void IndexKeeper::drop_if_refused(const Place& place, const ScriptAnswer& answer) {
  if (answer.kind == ScriptAnswer::Kind::error && is_login_refusal(answer.error)) {
    places_.erase(place);
  }
}

void IndexKeeper::look() {
  const TimePoint now = upstream_.loop().now();
  const Duration remembered = std::max<Duration>(kRemembered, 2 * upstream_.settings().cache.sweep);
  std::erase_if(places_, [&](const auto& each) {
    const MainLane* lane = upstream_.find_main_lane(context_of(each.first));
    return each.second + remembered < now || (lane != nullptr && lane->is_refused());
  });
  if (places_.empty()) return;  // The next use begins anew.
  look_timer_.set(now + kLook);
  if (is_looking_ || !upstream_.circuit().allows()) return;
  for (const auto& [place, used] : places_) to_look_at_.push_back(place);
  look_at_next();
}

/// One after the other.
void IndexKeeper::look_at_next() {
  if (to_look_at_.empty()) return;
  const Place place = to_look_at_.front();
  to_look_at_.pop_front();
  is_looking_ = true;
  ask_unfinished(passage_to(place), place, [this] {
    is_looking_ = false;
    look_at_next();
  });
}

void IndexKeeper::look_everywhere() {
  const Place home{kUpstreamUser, upstream_.home_database()};
  const std::string run_id = upstream_.run_id();
  if (!run_id.empty() && looked_at_run_ == run_id) {
    look_in_turn({home.second}, run_id);
    return;
  }
  caller_.command(Passage::control, context_of(home), {"INFO", "keyspace"},
                  [this, home, run_id](const ScriptAnswer& answer) {
                    // Who may not ask where there are keys knows of one database.
                    const bool is_told =
                        answer.kind == ScriptAnswer::Kind::reply && !answer.items.empty();
                    look_in_turn(is_told ? databases_in(answer.items.front())
                                         : std::vector<std::uint32_t>{home.second},
                                 run_id);
                  });
}

void IndexKeeper::look_in_turn(std::vector<std::uint32_t> databases, const std::string& run_id) {
  if (databases.empty()) {
    looked_at_run_ = run_id;
    return;
  }
  const Place place{kUpstreamUser, databases.back()};
  databases.pop_back();
  caller_.call(Passage::control, context_of(place), unfinished_, {keys_.draining()}, {"0", "1"},
               [this, place, run_id, left = std::move(databases)](const ScriptAnswer& answer) {
                 const bool is_answer = answer.kind == ScriptAnswer::Kind::reply;
                 if (is_answer && !answer.items.empty()) note_use(context_of(place));
                 if (is_answer || answer.kind == ScriptAnswer::Kind::error) {
                   look_in_turn(left, run_id);
                 }
               });
}

void IndexKeeper::ask_unfinished(Passage passage, const Place& place, std::function<void()> done) {
  caller_.call(passage, context_of(place), unfinished_, {keys_.draining()},
               {std::to_string(kQuietMs), std::to_string(kMostAtOnce)},
               [this, place, done = std::move(done)](const ScriptAnswer& answer) {
                 drop_if_refused(place, answer);
                 if (answer.kind == ScriptAnswer::Kind::reply && !answer.items.empty()) {
                   note_use(context_of(place));
                   for (const std::string& tag : answer.items) finish(place, tag);
                 }
                 done();
               });
}

void IndexKeeper::finish(const Place& place, const std::string& tag) {
  // Its own jobs come to their end by themselves.
  if (invalidations_.is_draining(context_of(place), tag)) return;
  if (finishing_.size() >= kMostAtOnce || !finishing_.emplace(place, tag).second) return;
  invalidations_.finish(context_of(place), tag, [this, place, tag] {
    finishing_.erase({place, tag});
  });
}

/// All databases in turn; in each only if no other instance did it within this time.
void IndexKeeper::begin_walk() {
  if (places_.empty()) return;
  sweep_timer_.set(upstream_.loop().now() + upstream_.settings().cache.sweep);
  if (walk_ || is_walking_ || !to_walk_.empty()) return;
  for (const auto& [place, used] : places_) to_walk_.push_back(place);
  walk();
}

/// One step: a part of an index, or looking for more of them.
void IndexKeeper::walk() {
  if (is_walking_) return;
  const bool is_through =
      walk_ && walk_->is_last && walk_->indexes.empty() && walk_->drains.empty();
  if (is_through) walk_.reset();
  if (!walk_) {
    if (to_walk_.empty()) return;
    Walk next;
    next.place = to_walk_.front();
    walk_ = std::move(next);
    to_walk_.pop_front();
  }
  is_walking_ = true;
  if (!walk_->is_claimed) {
    claim();
  } else if (!walk_->drains.empty()) {
    look_after_drain();
  } else if (!walk_->indexes.empty()) {
    sweep();
  } else {
    look_for_indexes();
  }
}

/// What is done with the answer to a step's question, or with Redis' error about that one key.
/// Without either the walk through this database ends, until another time.
ScriptCaller::Done IndexKeeper::next_step(std::function<void(Walk&, const ScriptAnswer&)> take) {
  return [this, take = std::move(take)](const ScriptAnswer& answer) {
    is_walking_ = false;
    if (!walk_) return;
    const bool is_answered =
        answer.kind == ScriptAnswer::Kind::reply ||
        (answer.kind == ScriptAnswer::Kind::error && !is_login_refusal(answer.error) &&
         refusal_of(answer.error) == Refusal::final);
    const bool is_own_lane = passage_to(walk_->place) == Passage::lane;
    step_timer_.set(upstream_.loop().now() + (is_own_lane ? kStep : kControlStep));
    drop_if_refused(walk_->place, answer);
    if (is_answered) {
      take(*walk_, answer);
      if (walk_->is_claimed) return;
    }
    walk_.reset();
  };
}

void IndexKeeper::claim() {
  const auto held = upstream_.settings().cache.sweep * 9 / 10;
  const Place place = walk_->place;
  caller_.command(passage_to(place), context_of(place),
                  {"SET", keys_.sweeper(), id_, "NX", "PX", std::to_string(held.count())},
                  next_step([](Walk& walk, const ScriptAnswer& answer) {
                    walk.is_claimed = !answer.items.empty() && answer.items.front() == "OK";
                  }));
}

void IndexKeeper::look_for_indexes() {
  const Place place = walk_->place;
  caller_.command(
      passage_to(place), context_of(place),
      {"SCAN", walk_->cursor, "MATCH", keys_.prefix() + "*", "COUNT", std::string(kScanCount)},
      next_step([this](Walk& walk, const ScriptAnswer& answer) {
        if (answer.items.empty()) {
          walk.is_claimed = false;
          return;
        }
        walk.cursor = answer.items.front();
        walk.is_last = walk.cursor == "0";
        for (std::size_t i = 1; i < answer.items.size(); ++i) {
          const std::string& key = answer.items[i];
          const std::string_view tag = keys_.tag_of(key);
          if (tag.empty()) continue;
          if (key == keys_.drain(tag)) {
            walk.drains.emplace_back(tag);
          } else {
            walk.indexes.push_back(key);
          }
        }
      }));
}

/// What was set apart is finished also if it is not known any more that it was.
void IndexKeeper::look_after_drain() {
  const Place place = walk_->place;
  caller_.call(passage_to(place), context_of(place), is_known_, {keys_.draining()},
               {walk_->drains.front()}, next_step([this](Walk& walk, const ScriptAnswer& answer) {
                 const bool is_unknown = !answer.items.empty() && answer.integer(0) == 0;
                 if (is_unknown) finish(walk.place, walk.drains.front());
                 walk.drains.pop_front();
               }));
}

void IndexKeeper::sweep() {
  const Place place = walk_->place;
  caller_.call(passage_to(place), context_of(place), sweep_, {walk_->indexes.front()},
               {walk_->index_cursor, std::string(kSweepCount)},
               next_step([this](Walk& walk, const ScriptAnswer& answer) {
                 walk.index_cursor = answer.items.empty() ? "0" : answer.items.front();
                 stats_.swept.add(static_cast<std::uint64_t>(answer.integer(1)));
                 if (walk.index_cursor == "0") walk.indexes.pop_front();
               }));
}

}  // namespace hawser
