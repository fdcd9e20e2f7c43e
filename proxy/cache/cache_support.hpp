#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <string>
#include <unordered_map>

#include "proxy/cache/cache_keys.hpp"
#include "proxy/cache/cache_stats.hpp"
#include "proxy/traffic/client.hpp"
#include "proxy/traffic/lane_events.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Whether the server, and a user's rights, are enough for the cache commands: found out by trying,
/// at the start for the upstream URL's user, for others at first use. Tells the operator. Owned by
/// the Cache.
class CacheSupport final : private LaneEvents {
 public:
  /// `is_needed`: the configuration has rules, which do without it what they are there to prevent.
  CacheSupport(Upstream& upstream, const CacheKeys& keys, CacheStats& stats, bool is_needed);

  enum class Verdict : std::uint8_t { unknown, good, refused };
  Verdict verdict(UserId user) const;
  /// Whether the user may publish on the bus. Unknown: it might not, but that was found out before
  /// `since`.
  Verdict may_publish(UserId user, TimePoint since = TimePoint::min()) const;
  /// Why it is refused, in one line.
  const std::string& reason(UserId user) const;
  /// Holds the client until its user's rights are found out anew; the request is to be taken later.
  /// False: its time is over.
  bool hold(Client& client, const Request& request);

  /// Finds out about the user, for later.
  void ask(UserId user);
  /// Redis refused something for want of rights: it is found out anew.
  void doubt(UserId user);

  /// The feature is used: that the server may evict indexes matters from now on.
  void note_use();
  /// Calls `listener` whenever it is found that the upstream URL's user may use the feature.
  void on_available(std::function<void()> listener) { on_available_ = std::move(listener); }

 private:
  static constexpr Duration kPause = std::chrono::milliseconds(500);
  static constexpr Duration kLongestPause = std::chrono::seconds(5);

  struct State {
    Verdict verdict = Verdict::unknown;
    std::string reason;
    bool is_sure = false;
    bool may_publish = true;
    TimePoint asked_at{};      ///< The last question that was answered, ...
    TimePoint asking_since{};  ///< ... and the one under way.
    bool is_asking = false;
    Duration pause = kPause;  ///< Before it is asked again, if it was no good.
    TimePoint ask_again{};
  };
  struct Waiter {
    UserId user;
    TimePoint deadline;
    std::weak_ptr<Client> client;
  };

  void on_lane_open(const Context& context) override;
  void on_lane_lost(const Context& /*context*/) override {}
  void on_push(const Context& /*context*/, std::string_view /*frame*/) override {}

  bool is_too_old() const;
  void refuse_old(UserId user);
  void on_answer(UserId user, const ControlAnswer& answer);
  void settle(UserId user, Verdict verdict, std::string reason, bool is_sure);
  void release(const std::function<bool(const Waiter&)>& is_over);
  void on_timer();
  void warn_of_eviction();

  Upstream& upstream_;
  const CacheKeys& keys_;
  CacheStats& stats_;
  const bool is_needed_;
  const Script& probe_;
  std::unordered_map<UserId, State> states_;
  std::list<Waiter> waiters_;
  Timer timer_;
  std::string eviction_;  ///< Its maxmemory_policy, if that endangers indexes.
  bool is_used_ = false;
  bool is_warned_ = false;
  std::function<void()> on_available_;
};

}  // namespace hawser
