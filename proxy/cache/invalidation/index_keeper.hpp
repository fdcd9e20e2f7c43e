#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "proxy/cache/cache_stats.hpp"
#include "proxy/cache/invalidation/invalidations.hpp"
#include "proxy/cache/script_caller.hpp"

namespace hawser {

/// Looks after what the cache keeps in Redis, in each database in which it is used: finishes
/// invalidations that were left half done by an instance that ended, and from time to time removes
/// from the indexes what does not exist any more. One instance at a time does the latter. A place
/// that is not used for a while is forgotten, and it keeps no connection open for a place. Owned by
/// the Cache.
class IndexKeeper {
 public:
  IndexKeeper(ScriptCaller& caller, const CacheKeys& keys, Invalidations& invalidations,
              CacheStats& stats);

  /// The cache was used there.
  void note_use(const Context& context);
  /// In whichever database anything was left half done, also a moment ago, it is finished as if the
  /// cache had been used there by the upstream URL's user. Of a server it knows already it looks at
  /// the home database only.
  void look_everywhere();

 private:
  using Place = std::pair<UserId, std::uint32_t>;
  /// A walk through one database. One question at a time is under way for it.
  struct Walk {
    Place place;
    bool is_claimed = false;   ///< No other instance walks here.
    std::string cursor = "0";  ///< Of SCAN.
    bool is_last = false;
    std::deque<std::string> drains;  ///< Tags of what was found set apart.
    std::deque<std::string> indexes;
    std::string index_cursor = "0";  ///< Of the first of them.
  };

  static Context context_of(const Place& place) { return {place.first, place.second}; }
  Passage passage_to(const Place& place);
  void drop_if_refused(const Place& place, const ScriptAnswer& answer);

  void look_in_turn(std::vector<std::uint32_t> databases, const std::string& run_id);
  void look();
  void look_at_next();
  void ask_unfinished(Passage passage, const Place& place, std::function<void()> done);
  void finish(const Place& place, const std::string& tag);

  void begin_walk();
  void walk();
  void claim();
  void look_for_indexes();
  void look_after_drain();
  void sweep();
  ScriptCaller::Done next_step(std::function<void(Walk&, const ScriptAnswer&)> take);

  ScriptCaller& caller_;
  Upstream& upstream_;
  const CacheKeys& keys_;
  Invalidations& invalidations_;
  CacheStats& stats_;
  Script& unfinished_;
  Script& is_known_;
  Script& sweep_;
  const std::string id_;
  std::map<Place, TimePoint> places_;  ///< With their last use.
  std::set<std::pair<Place, std::string>> finishing_;
  std::deque<Place> to_look_at_;
  bool is_looking_ = false;    ///< A question is under way.
  std::string looked_at_run_;  ///< Of the server: all its databases.
  std::deque<Place> to_walk_;
  std::optional<Walk> walk_;
  bool is_walking_ = false;  ///< A question is under way.
  Timer look_timer_;
  Timer sweep_timer_;
  Timer step_timer_;
};

}  // namespace hawser
