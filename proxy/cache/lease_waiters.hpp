#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/cache/cache_command.hpp"
#include "proxy/cache/cache_keys.hpp"
#include "proxy/cache/cache_stats.hpp"
#include "proxy/cache/held_answer.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Callers of CACHE.GET who found neither a value nor the lease free, and wait for whoever computes
/// it. Those who want the same wait together: hawser asks for all of them at short intervals, and
/// at once when it sees the key being written. If the lease is free again, one of them gets it.
/// Owned by the CacheHandler.
class LeaseWaiters {
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
    bool operator<(const Question& other) const { return order() < other.order(); }
  };
  using Answer = std::function<void(std::string_view reply)>;
  /// Asks Redis once; the answer is called with the reply, empty if there was none.
  using Ask = std::function<void(const Question& question, Answer answer)>;

  LeaseWaiters(Upstream& upstream, CacheStats& stats, Ask ask);

  bool empty() const { return groups_.empty(); }
  /// Whether somebody waits for that already: then Redis need not be asked once more.
  bool contains(const Question& question) const { return groups_.contains(question); }
  /// The caller waits until `deadline`, then gets a plain miss.
  void add(const Question& question, std::shared_ptr<HeldAnswer> answer, TimePoint deadline);
  /// The key was written.
  void wake(std::uint32_t database, std::string_view key);
  /// Something was invalidated or missed: everybody asks again.
  void wake_all();

 private:
  struct Waiter {
    std::shared_ptr<HeldAnswer> answer;
    TimePoint deadline;
  };
  struct Group {
    std::vector<Waiter> waiters;
    TimePoint next{};
    Duration interval{};
    bool is_asking = false;
    bool is_woken = false;  ///< While it is asking: asks once more.
  };
  using Groups = std::map<Question, Group>;

  void on_timer();
  void ask(Groups::iterator group);
  void on_reply(const Question& question, std::string_view reply);
  void drop_late(Groups::iterator group);
  void set_timer();

  Upstream& upstream_;
  CacheStats& stats_;
  const Ask ask_;
  Groups groups_;
  Timer timer_;
  /// Gone with this object: answers that come later are dropped.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The script's reply to a miss of which somebody else has the lease.
inline constexpr std::string_view kHeld = ":0\r\n";
/// Whether a reply to the get script brings a lease: it belongs to one caller alone.
bool has_token(std::string_view reply);
/// What the caller gets who waited in vain.
std::string plain_miss(RespVersion resp);

}  // namespace hawser
