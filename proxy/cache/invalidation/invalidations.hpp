#pragma once

#include <functional>
#include <optional>
#include <string>

#include "proxy/cache/bus/bus_publisher.hpp"
#include "proxy/cache/cache_support.hpp"
#include "proxy/cache/invalidation/invalidation_journal.hpp"
#include "proxy/cache/invalidation/invalidator.hpp"
#include "proxy/traffic/circuit_events.hpp"
#include "proxy/traffic/held_answer.hpp"

namespace hawser {

/// Invalidations from the word to their publication: performed now, or journaled while Redis is
/// away if the operator wants that, then told to all instances. Owned by the Cache.
class Invalidations final : private CircuitListener, private Restorer {
 public:
  Invalidations(Upstream& upstream, Invalidator& invalidator, BusPublisher& bus,
                CacheSupport& support, CacheStats& stats);

  struct Order {
    Context context;
    BusMessage message;
    /// What is published when it is done; empty: composed from the message.
    std::string json;
  };
  struct Calls {
    /// It is sure to be done, or has been journaled; with the number of keys or targets.
    std::function<void(std::int64_t)> begun;
    /// The keys are gone: their number; or an error.
    std::function<void(const InvalidationResult&)> done;
    /// The reply to PUBLISH. Not called if `done` was given an error.
    std::function<void(std::string_view)> published;
  };
  void perform(Order order, const Calls& calls);
  /// Finishes what another instance has left half done, and publishes it; then calls `done`.
  void finish(const Context& context, std::string tag, std::function<void()> done);
  /// Whether this instance works on what was set apart under the tag, for this user.
  bool is_draining(const Context& context, const std::string& tag) const {
    return invalidator_.is_draining(context, tag);
  }

 private:
  void on_circuit(const CircuitState& state) override;
  void restore() override;
  bool is_restored() const override { return journal_.empty() || may_wait_; }
  bool is_essential() const override { return true; }

  bool queue(const Order& order, const Calls& calls);
  bool is_refused(const Context& context) const;
  void run(Order order, const Calls& calls);
  void replay();
  void on_replayed(const InvalidationResult& result);
  void retry_later(const InvalidationResult& result);
  void pause();
  void give_up(std::string_view reason);
  void publish(const Order& order, std::function<void(std::string_view)> done);

  Upstream& upstream_;
  Invalidator& invalidator_;
  BusPublisher& bus_;
  CacheSupport& support_;
  CacheStats& stats_;
  InvalidationJournal<Order> journal_;
  bool is_restoring_ = false;
  TimePoint restoring_since_{};
  /// The server takes no writes at all: the circuit is not kept open for that.
  bool may_wait_ = false;
  bool is_replaying_ = false;
  bool is_on_lane_ = false;
  /// Replays on the lane end with the circuit's opening; what still comes of them is too late.
  std::uint64_t replay_ = 0;
  Duration pause_;
  Timer again_;
  RateLimit log_limit_;
  RateLimit left_out_log_;
};

/// Answers with why it was not done. REQUIRES: it was not.
void answer_undone(HeldAnswer& held, const InvalidationResult& result);

}  // namespace hawser
