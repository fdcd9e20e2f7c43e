#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <tuple>

#include "proxy/cache/bus/bus_message.hpp"
#include "proxy/cache/cache_keys.hpp"
#include "proxy/cache/cache_stats.hpp"
#include "proxy/cache/lua_scripts.hpp"
#include "proxy/cache/script_caller.hpp"
#include "proxy/runtime/timer.hpp"

namespace hawser {

/// How an invalidation ended, or began.
struct InvalidationResult {
  enum class Kind : std::uint8_t {
    done,
    error,     ///< Redis refused a part of it: its error in `error`.
    not_sent,  ///< Nothing of it was executed; `failure` and `number` say why.
  };
  Kind kind = Kind::done;
  std::int64_t keys = 0;  ///< Deleted; where the connection was lost meanwhile, at least so many.
  std::string error;
  Failure failure = Failure::down;
  std::int64_t number = 0;
  /// Keys were deleted, or may have been: also if it ended with an error. Of what was only to be
  /// finished: there was something left.
  bool has_effect = false;
};

/// Deletes what is under tags, named keys, and keys that fit a pattern: in small batches, one at a
/// time for all that is under way, so that everybody else's requests run in between. Once begun it
/// goes on until it is done, over lost connections and outages, unless the user's login is refused
/// for long; what ends with that, or with this process, is finished by any other, since nothing is
/// taken from its list before it is deleted. Owned by the Cache.
class Invalidator {
 public:
  Invalidator(ScriptCaller& caller, const CacheKeys& keys, CacheStats& stats);
  ~Invalidator();

  using Done = std::function<void(const InvalidationResult&)>;
  struct Order {
    Context context;
    BusMessage::Type type = BusMessage::Type::tags;
    std::vector<std::string> targets;  ///< See prepare_targets().
    Passage passage = Passage::lane;
    /// Only what was set apart before, by whoever did not come to its end.
    bool only_finish = false;
    /// It was accepted before: there cannot be too many of these.
    bool is_accepted = false;
  };
  /// `begun` (may be empty) is called when all of it is sure to be done, with the number of keys
  /// that are to be deleted, as far as it is known; `done` at the end. If it cannot begin, only
  /// `done` is called.
  void perform(Order order, Done begun, Done done);

  /// Whether what was set apart under the tag is being deleted by this instance, for this user.
  bool is_draining(const Context& context, const std::string& tag) const {
    return draining_.contains({context.user, context.database, tag});
  }
  const CacheKeys& keys() const { return keys_; }
  /// What waited for Redis tries again.
  void resume();

 private:
  class Job;
  class TagsJob;
  class KeysJob;
  class PatternJob;
  struct Scripts {
    Script& invalidate;
    Script& drain;
    Script& void_leases;
    Script& remove;
  };

  using Place = std::tuple<UserId, std::uint32_t, std::string>;  ///< User, database, tag.

  void enter(const std::shared_ptr<Job>& job);
  void leave();
  void serve();
  std::size_t batch(Passage passage) const;

  ScriptCaller& caller_;
  const CacheKeys& keys_;
  CacheStats& stats_;
  Scripts scripts_;
  std::multiset<Place> draining_;  ///< Kept by the jobs, so it lives longer than they do.
  std::list<std::shared_ptr<Job>> jobs_;
  std::size_t bytes_ = 0;  ///< Of their targets.
  /// Those whose next batch may be sent when the one under way is done.
  std::deque<std::weak_ptr<Job>> line_;
  bool is_batch_under_way_ = false;
  bool is_serving_ = false;
  /// Jobs whose first step is under way; shared with them.
  std::shared_ptr<std::size_t> beginning_ = std::make_shared<std::size_t>(0);
};

}  // namespace hawser
