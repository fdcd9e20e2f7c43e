#include "proxy/cache/invalidation/invalidations.hpp"

#include <algorithm>
#include <utility>

#include "proxy/cache/invalidation/invalidation_targets.hpp"
#include "proxy/cache/redis_refusal.hpp"

namespace hawser {

namespace {

/// Before what could not be replayed is tried again: at first, and at most.
constexpr Duration kPause = std::chrono::milliseconds(200);
constexpr Duration kLongestPause = std::chrono::seconds(5);
/// So often what cannot be sent although Redis is there: about half a minute.
constexpr unsigned kMostAttempts = 8;
/// Bytes journaled.
constexpr std::size_t kMostBytes = std::size_t{64} << 20;

Duration pause_after(unsigned attempts) {
  return std::min<Duration>(kPause * (1 << std::min(attempts, 10U)), kLongestPause);
}

}  // namespace

Invalidations::Invalidations(Upstream& upstream, Invalidator& invalidator, BusPublisher& bus,
                             CacheSupport& support, CacheStats& stats)
    : upstream_(upstream),
      invalidator_(invalidator),
      bus_(bus),
      support_(support),
      stats_(stats),
      journal_(static_cast<std::size_t>(upstream.settings().cache.journal_tags), kMostBytes),
      pause_(kPause),
      again_(upstream.loop(), [this] { replay(); }) {
  upstream.circuit().add_listener(*this);
  upstream.circuit().add_restorer(*this);
}

void Invalidations::perform(Order order, const Calls& calls) {
  if (const std::string_view error = prepare_targets(order.message, invalidator_.keys());
      !error.empty()) {
    calls.done({InvalidationResult::Kind::error, 0, std::string(error), {}, 0});
    return;
  }
  if (upstream_.circuit().allows()) {
    run(std::move(order), calls);
  } else if (!queue(order, calls)) {
    calls.done({InvalidationResult::Kind::not_sent,
                0,
                {},
                Failure::circuit_open,
                upstream_.circuit().retry_in()});
  }
}

/// Keeps it for when Redis is back, if the operator wants that and there is room.
bool Invalidations::queue(const Order& order, const Calls& calls) {
  if (upstream_.settings().cache.invalidate_when_down != config::InvalidateWhenDown::queue) {
    return false;
  }
  const std::size_t targets = order.message.targets.size();
  const std::size_t bytes = bytes_of(order.message.targets) + order.json.size();
  if (!journal_.add(order, targets, bytes)) return false;
  stats_.journaled.set(static_cast<std::int64_t>(journal_.targets()));
  if (calls.begun) calls.begun(static_cast<std::int64_t>(targets));
  if (calls.done) {
    InvalidationResult result;
    result.keys = static_cast<std::int64_t>(targets);
    calls.done(result);
  }
  if (calls.published) {
    calls.published(":" + std::to_string(targets) + "\r\n");
  }
  again_.set_no_later_than(upstream_.loop().now() + kPause);
  return true;
}

/// Whether Redis refuses the login, or the database.
bool Invalidations::is_refused(const Context& context) const {
  const MainLane* lane = upstream_.find_main_lane(context);
  return lane != nullptr && lane->is_refused();
}

void Invalidations::run(Order order, const Calls& calls) {
  Invalidator::Order work{order.context, order.message.type, order.message.targets};
  Invalidator::Done begun;
  if (calls.begun) {
    begun = [tell = calls.begun](const InvalidationResult& result) { tell(result.keys); };
  }
  invalidator_.perform(std::move(work), std::move(begun),
                       [this, order = std::move(order), calls](const InvalidationResult& result) {
                         // It is queued only because Redis is away.
                         const bool is_away =
                             result.kind == InvalidationResult::Kind::not_sent &&
                             (!upstream_.circuit().allows() ||
                              (result.failure == Failure::down && !is_refused(order.context)));
                         if (is_away && queue(order, calls)) return;
                         stats_.on_invalidation(result.kind == InvalidationResult::Kind::done);
                         if (result.kind == InvalidationResult::Kind::done) {
                           publish(order, calls.published);
                         } else if (result.has_effect) {
                           publish(order, {});  // Some of it is gone: the others must not keep it.
                         }
                         if (calls.done) calls.done(result);
                       });
}

void Invalidations::finish(const Context& context, std::string tag, std::function<void()> done) {
  Order order{context, {BusMessage::Type::tags, {std::move(tag)}, "hawser"}, {}};
  Invalidator::Order work{context, order.message.type, order.message.targets, Passage::lane, true};
  invalidator_.perform(
      std::move(work), {},
      [this, order = std::move(order), done = std::move(done)](const InvalidationResult& result) {
        done();
        if (result.kind == InvalidationResult::Kind::done) {
          // Else somebody came to its end meanwhile, and told of it.
          if (!result.has_effect) return;
          stats_.finished.add();
          publish(order, {});
          return;
        }
        std::uint64_t suppressed = 0;
        if (!log_limit_.allow(upstream_.loop().now(), suppressed)) return;
        upstream_.log().warn("an unfinished invalidation could not be finished",
                             {{"tag", order.message.targets.front()},
                              {"reason", result.error},
                              {"suppressed", suppressed}});
      });
}

void Invalidations::publish(const Order& order, std::function<void(std::string_view)> done) {
  std::string json = order.json;
  if (json.empty()) {
    ComposedBusMessage message =
        compose(order.message.type, order.message.targets, order.message.source);
    json = std::move(message.text);
    stats_.left_out.add(message.left_out);
    std::uint64_t suppressed = 0;
    if (message.left_out > 0 && left_out_log_.allow(upstream_.loop().now(), suppressed)) {
      upstream_.log().warn("other instances are not told of targets that are not valid UTF-8",
                           {{"targets", message.left_out}, {"suppressed", suppressed}});
    }
  }
  if (json.empty() || upstream_.settings().cache.channel.empty()) {
    if (done) done(":0\r\n");
    return;
  }
  const UserId user = order.context.user;
  // Who asked only for keys to go need not be allowed to tell the others: that is hawser's affair.
  const bool is_hawsers = order.json.empty() && user != kUpstreamUser;
  if (is_hawsers && support_.may_publish(user) == CacheSupport::Verdict::refused) {
    bus_.publish(Context{}, json, std::move(done));
    return;
  }
  bus_.publish(order.context, json,
               [this, user, is_hawsers, json, done = std::move(done)](std::string_view reply) {
                 const bool is_refused = protocol::error_word(reply) == "NOPERM";
                 if (is_refused && user != kUpstreamUser) support_.ask(user);
                 if (is_refused && is_hawsers) {
                   bus_.publish(Context{}, json, done);
                 } else if (done) {
                   done(reply);
                 }
               });
}

void Invalidations::on_circuit(const CircuitState& state) {
  is_restoring_ = false;
  pause_ = kPause;
  if (!state.is_closed()) {
    if (is_replaying_ && is_on_lane_) {
      // It waits for the circuit, which is to wait for it: it is done anew on another way.
      ++replay_;
      is_replaying_ = false;
      journal_.put_back();
    }
    return;
  }
  invalidator_.resume();
  again_.set(upstream_.loop().now());
}

void Invalidations::restore() {
  is_restoring_ = true;
  restoring_since_ = upstream_.loop().now();
  may_wait_ = false;
  pause_ = kPause;
  journal_.make_due();
  replay();
}

/// One after the other: before the circuit closes on connections of their own, after it on the
/// lane.
void Invalidations::replay() {
  stats_.journaled.set(static_cast<std::int64_t>(journal_.targets()));
  if (is_replaying_ || journal_.empty()) return;
  const bool is_open = !upstream_.circuit().allows();
  if (is_open && !is_restoring_) return;
  const Order* order = journal_.take(upstream_.loop().now());
  if (order == nullptr) {
    again_.set(*journal_.next());
    return;
  }
  is_replaying_ = true;
  is_on_lane_ = !is_open;
  Invalidator::Order work{order->context, order->message.type, order->message.targets,
                          is_open ? Passage::control : Passage::lane};
  work.is_accepted = true;
  invalidator_.perform(std::move(work), {},
                       [this, replay = ++replay_](const InvalidationResult& result) {
                         if (replay == replay_) on_replayed(result);
                       });
}

void Invalidations::on_replayed(const InvalidationResult& result) {
  is_replaying_ = false;
  const bool is_done = result.kind == InvalidationResult::Kind::done;
  const bool is_passing =
      result.kind == InvalidationResult::Kind::error && refusal_of(result.error) != Refusal::final;
  if (result.kind == InvalidationResult::Kind::not_sent || is_passing) {
    retry_later(result);
  } else {
    stats_.on_invalidation(is_done);
    if (is_done || result.has_effect) publish(journal_.taken(), {});
    if (!is_done) {
      upstream_.log().warn("a queued invalidation was refused", {{"reason", result.error}});
    }
    pause_ = kPause;
    journal_.remove();
    stats_.journaled.set(static_cast<std::int64_t>(journal_.targets()));
    again_.set(upstream_.loop().now());
  }
  if (is_restored()) upstream_.circuit().on_restored();
}

/// Redis is away, or takes nothing now: that is so for all of them. Or it is only this one that
/// cannot be sent.
void Invalidations::retry_later(const InvalidationResult& result) {
  const TimePoint now = upstream_.loop().now();
  const bool is_sent = result.kind == InvalidationResult::Kind::error;
  if (!upstream_.circuit().allows()) {
    journal_.put_back();
    if (is_sent && refusal_of(result.error) == Refusal::no_writes) {
      // Perhaps the name leads to another server soon; but not for long.
      may_wait_ = now - restoring_since_ >= upstream_.settings().timeout.connect / 2;
    }
    pause();
    return;
  }
  const bool is_away =
      !is_sent && result.failure == Failure::down && !is_refused(journal_.taken().context);
  if (is_sent || is_away) {
    journal_.put_back();
    pause();
    return;
  }
  if (journal_.attempts() + 1 >= kMostAttempts) {
    give_up(failure_row(result.failure).label);
  } else {
    journal_.put_off(now + pause_after(journal_.attempts()));
  }
  again_.set(now);
}

void Invalidations::pause() {
  again_.set(upstream_.loop().now() + pause_);
  pause_ = std::min<Duration>(pause_ * 2, is_restoring_ ? kPause : kLongestPause);
}

void Invalidations::give_up(std::string_view reason) {
  const Order& order = journal_.taken();
  upstream_.log().warn("a queued invalidation is given up: it cannot be sent for its user",
                       {{"target", order.message.targets.front()},
                        {"targets", order.message.targets.size()},
                        {"reason", reason}});
  stats_.given_up.add();
  journal_.remove();
}

void answer_undone(HeldAnswer& held, const InvalidationResult& result) {
  if (result.kind == InvalidationResult::Kind::error) {
    held.complete(result.error);
  } else {
    held.fail(result.failure, result.number);
  }
}

}  // namespace hawser
