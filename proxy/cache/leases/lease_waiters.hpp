#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/cache/cache_command.hpp"
#include "proxy/cache/cache_keys.hpp"
#include "proxy/cache/cache_stats.hpp"
#include "proxy/cache/leases/lease_schedule.hpp"
#include "proxy/traffic/circuit_events.hpp"
#include "proxy/traffic/held_answer.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Callers of CACHE.GET who found neither a value nor the lease free, and wait for whoever computes
/// it. Those who want the same wait together: hawser asks for all of them at intervals, and at once
/// when it sees the key being written. If the lease is free again, one of them gets it. Whoever
/// waited in vain gets a plain miss, but only on Redis' word: if it could not be asked the last
/// time, that failure. Owned by the CacheHandler.
class LeaseWaiters final : private CircuitListener {
 public:
  /// What is asked; those who ask the same in the same context wait together.
  struct Question {
    Context context;
    std::string key;
    std::int64_t lease_ms = 0;
    std::int64_t stale_ms = 0;  ///< 0: not allowed.
    auto order() const {
      return std::tie(key, context.user, context.database, context.resp, lease_ms, stale_ms);
    }
  };
  /// Called with Redis' reply. Returns whether somebody took it: a lease that nobody took is to be
  /// given back.
  using Answer = std::function<bool(Reply reply)>;
  using Failed = std::function<void(Failure failure, std::int64_t number)>;
  /// Asks Redis once; one of the two is called, once, now or later.
  using Ask = std::function<void(const Question& question, Answer answer, Failed failed)>;

  LeaseWaiters(Upstream& upstream, CacheStats& stats, Ask ask);

  bool empty() const { return groups_.empty(); }
  /// The caller waits for cache.wait. Called with the reply that the value is another's to compute,
  /// so that what was asked for the others before is answered already.
  void add(const Question& question, std::shared_ptr<HeldAnswer> answer);
  /// The key was written.
  void wake(std::uint32_t database, std::string_view key);
  /// Something was invalidated or missed: everybody asks again.
  void wake_all();

 private:
  using Id = LeaseSchedule::Group;
  struct Waiter {
    std::shared_ptr<HeldAnswer> answer;
    TimePoint deadline;
  };
  struct Group {
    Id id = 0;
    std::deque<Waiter> waiters;  ///< By deadline: all wait for the same time.
    bool is_asking = false;
    /// Of the last question.
    std::optional<std::pair<Failure, std::int64_t>> failure;
  };
  /// By key first, so that those of one key lie together.
  struct Order {
    using is_transparent = void;
    bool operator()(const Question& a, const Question& b) const { return a.order() < b.order(); }
    bool operator()(const Question& a, std::string_view key) const { return a.key < key; }
    bool operator()(std::string_view key, const Question& b) const { return key < b.key; }
  };
  using Groups = std::map<Question, Group, Order>;

  void on_circuit(const CircuitState& state) override;
  void on_timer();
  void ask(Id id);
  bool on_reply(Id id, Reply reply);
  void on_failure(Id id, Failure failure, std::int64_t number);
  void end_late(Groups::iterator group);
  void fail_all(Groups::iterator group, Failure failure, std::int64_t number);
  void forget_if_empty(Groups::iterator group);
  void set_timer();

  Upstream& upstream_;
  CacheStats& stats_;
  const Ask ask_;
  Groups groups_;
  std::unordered_map<Id, Groups::iterator> by_id_;
  Id last_id_ = 0;
  LeaseSchedule schedule_;
  /// Of all who wait, in order. Those of callers who do not wait any more pass with their time.
  std::deque<std::pair<TimePoint, Id>> deadlines_;
  Timer timer_;
  /// Gone with this object: answers that come later are dropped.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The script's reply to a miss of which somebody else has the lease.
inline constexpr std::string_view kHeld = ":0\r\n";
/// Whether a reply to the get script brings a lease: it belongs to one caller alone.
bool has_token(std::string_view reply);
/// Such a reply for somebody who does not get the lease.
std::string without_token(std::string_view reply, RespVersion resp);
/// What the caller gets who waited in vain.
std::string plain_miss(RespVersion resp);

}  // namespace hawser
