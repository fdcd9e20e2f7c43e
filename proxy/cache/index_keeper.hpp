#pragma once

#include <deque>
#include <set>
#include <string>
#include <utility>

#include "proxy/cache/cache_stats.hpp"
#include "proxy/cache/invalidations.hpp"
#include "proxy/cache/script_caller.hpp"

namespace hawser {

/// Looks after what the cache keeps in Redis, in each database in which it is used: finishes
/// invalidations that were left half done by an instance that ended, and from time to time removes
/// from the indexes what does not exist any more. One instance at a time does the latter. Owned by
/// the Cache.
class IndexKeeper {
 public:
  IndexKeeper(ScriptCaller& caller, const CacheKeys& keys, Invalidations& invalidations,
              CacheStats& stats);

  /// The cache was used there.
  void note_use(const Context& context);
  /// Finishes what was left half done there.
  void look_at(Passage passage, const Context& context);

 private:
  using Place = std::pair<UserId, std::uint32_t>;
  /// A walk through one database.
  struct Walk {
    Place place;
    std::string cursor = "0";  ///< Of SCAN.
    bool is_last = false;
    std::deque<std::string> indexes;
    std::string index_cursor = "0";  ///< Of the first of them.
  };

  static Context context_of(const Place& place) { return {place.first, place.second}; }
  void look();
  void look_after(const Place& place, const std::string& tag);
  void finish(const Place& place, const std::string& tag);
  void begin_walk();
  void walk();
  void on_keys(const ScriptAnswer& answer);
  void end_walk();

  ScriptCaller& caller_;
  Upstream& upstream_;
  const CacheKeys& keys_;
  Invalidations& invalidations_;
  CacheStats& stats_;
  Script& unfinished_;
  Script& sweep_;
  const std::string id_;
  std::set<Place> places_;
  std::set<std::pair<Place, std::string>> finishing_;
  std::deque<Place> to_walk_;
  std::optional<Walk> walk_;
  Timer look_timer_;
  Timer sweep_timer_;
  Timer step_timer_;
};

}  // namespace hawser
