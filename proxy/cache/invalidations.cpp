#include "proxy/cache/invalidations.hpp"

#include <utility>

namespace hawser {

namespace {

/// Before what could not be replayed is tried again.
constexpr Duration kPause = std::chrono::milliseconds(200);

}  // namespace

Invalidations::Invalidations(Upstream& upstream, Invalidator& invalidator, BusPublisher& bus,
                             CacheStats& stats)
    : upstream_(upstream),
      invalidator_(invalidator),
      bus_(bus),
      stats_(stats),
      journal_(static_cast<std::size_t>(upstream.settings().cache.journal_tags)),
      again_(upstream.loop(), [this] { replay(); }) {
  upstream.circuit().add_listener(*this);
  upstream.circuit().add_restorer(*this);
}

void Invalidations::perform(Order order, Calls calls) {
  const bool is_down = !upstream_.circuit().allows();
  // What is journaled comes first.
  if ((is_down || !journal_.empty()) && queue(order, calls)) return;
  if (is_down) {
    calls.done({InvalidationResult::Kind::not_sent,
                0,
                {},
                Failure::circuit_open,
                upstream_.circuit().retry_in()});
    return;
  }
  run(std::move(order), Passage::lane, std::move(calls));
}

/// Keeps it for when Redis is back, if the operator wants that and there is room.
bool Invalidations::queue(const Order& order, const Calls& calls) {
  if (upstream_.settings().cache.invalidate_when_down != config::InvalidateWhenDown::queue) {
    return false;
  }
  const std::size_t targets = order.message.targets.size();
  if (!journal_.add(order, targets)) return false;
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

void Invalidations::run(Order order, Passage passage, Calls calls) {
  Invalidator::Order work{order.context, order.message.type, order.message.targets, passage};
  Invalidator::Done begun;
  if (calls.begun) {
    begun = [tell = calls.begun](const InvalidationResult& result) { tell(result.keys); };
  }
  invalidator_.perform(
      std::move(work), std::move(begun),
      [this, order = std::move(order), calls](const InvalidationResult& result) {
        if (result.kind == InvalidationResult::Kind::not_sent && queue(order, calls)) {
          return;
        }
        stats_.on_invalidation(result.kind == InvalidationResult::Kind::done);
        if (result.kind == InvalidationResult::Kind::done) {
          publish(order, calls.published);
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
  }
  if (json.empty() || upstream_.settings().cache.channel.empty()) {
    if (done) done(":0\r\n");
    return;
  }
  bus_.publish(order.context, json, [done = std::move(done)](std::string_view reply) {
    if (done) done(reply);
  });
}

void Invalidations::on_circuit(const CircuitState& state) {
  is_restoring_ = false;
  if (!state.is_closed()) return;
  invalidator_.resume();
  replay();
}

void Invalidations::restore() {
  is_restoring_ = true;
  replay();
}

/// One after the other: before the circuit closes on connections of their own, after it on the
/// lane.
void Invalidations::replay() {
  stats_.journaled.set(static_cast<std::int64_t>(journal_.targets()));
  if (is_replaying_ || journal_.empty()) return;
  const bool is_open = !upstream_.circuit().allows();
  if (is_open && !is_restoring_) return;
  is_replaying_ = true;
  const Order& order = journal_.front();
  invalidator_.perform({order.context, order.message.type, order.message.targets,
                        is_open ? Passage::control : Passage::lane},
                       {}, [this](const InvalidationResult& result) { on_replayed(result); });
}

void Invalidations::on_replayed(const InvalidationResult& result) {
  is_replaying_ = false;
  if (result.kind == InvalidationResult::Kind::not_sent) {
    if (upstream_.circuit().allows()) {
      again_.set(upstream_.loop().now() + kPause);
    } else {
      is_restoring_ = false;  // The next good round begins anew.
    }
    return;
  }
  stats_.on_invalidation(result.kind == InvalidationResult::Kind::done);
  if (result.kind == InvalidationResult::Kind::done) {
    publish(journal_.front(), {});
  } else {
    upstream_.log().warn("a queued invalidation was refused", {{"reason", result.error}});
  }
  journal_.pop();
  replay();
  if (journal_.empty()) upstream_.circuit().on_restored();
}

}  // namespace hawser
