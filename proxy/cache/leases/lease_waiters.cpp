#include "proxy/cache/leases/lease_waiters.hpp"

#include <algorithm>
#include <utility>

#include "protocol/reply_writer.hpp"

namespace hawser {

bool has_token(std::string_view reply) {
  return reply.starts_with('*') && !reply.ends_with("_\r\n") && !reply.ends_with("$-1\r\n");
}

std::string without_token(std::string_view reply, RespVersion resp) {
  // A token has no line ends, so the last bulk string begins where it seems to.
  std::string out(reply.substr(0, reply.rfind("\r\n$") + 2));
  protocol::ReplyWriter(out, resp).null();
  return out;
}

std::string plain_miss(RespVersion resp) {
  std::string reply;
  protocol::ReplyWriter writer(reply, resp);
  writer.array(3);
  writer.null();
  writer.bulk("miss");
  writer.null();
  return reply;
}

LeaseWaiters::LeaseWaiters(Upstream& upstream, CacheStats& stats, Ask ask)
    : upstream_(upstream),
      stats_(stats),
      ask_(std::move(ask)),
      timer_(upstream.loop(), [this] { on_timer(); }) {
  upstream.circuit().add_listener(*this);
}

void LeaseWaiters::add(const Question& question, std::shared_ptr<HeldAnswer> answer) {
  const TimePoint now = upstream_.loop().now();
  const TimePoint deadline = now + upstream_.settings().cache.wait;
  const auto [found, is_new] = groups_.try_emplace(question);
  Group& group = found->second;
  if (is_new) {
    group.id = ++last_id_;
    by_id_.emplace(group.id, found);
    schedule_.add(group.id, now);
  }
  group.waiters.push_back({std::move(answer), deadline});
  deadlines_.emplace_back(deadline, group.id);
  stats_.waiting.add(1);
  set_timer();
}

void LeaseWaiters::wake(std::uint32_t database, std::string_view key) {
  for (auto it = groups_.lower_bound(key); it != groups_.end() && it->first.key == key; ++it) {
    if (it->first.context.database == database) schedule_.wake(it->second.id);
  }
  set_timer();
}

void LeaseWaiters::wake_all() {
  schedule_.wake_all(upstream_.loop().now());
  set_timer();
}

/// Nobody is kept waiting for what is refused to all others.
void LeaseWaiters::on_circuit(const CircuitState& state) {
  if (state.is_closed()) return;
  while (!groups_.empty()) {
    fail_all(groups_.begin(), Failure::circuit_open, upstream_.circuit().retry_in());
  }
  deadlines_.clear();
}

void LeaseWaiters::on_timer() {
  const TimePoint now = upstream_.loop().now();
  while (!deadlines_.empty() && deadlines_.front().first <= now) {
    const auto group = by_id_.find(deadlines_.front().second);
    deadlines_.pop_front();
    // Of what is being asked at present the answer is waited for: it may be a failure.
    if (group != by_id_.end() && !group->second->second.is_asking) end_late(group->second);
  }
  while (const auto id = schedule_.take(now)) ask(*id);
  set_timer();
}

void LeaseWaiters::ask(Id id) {
  const auto found = by_id_.at(id);
  Group& group = found->second;
  // Nothing is asked for those who have left, or could fill nothing.
  while (!group.waiters.empty() && !group.waiters.front().answer->is_waited_for()) {
    group.waiters.front().answer->complete(plain_miss(found->first.context.resp));
    group.waiters.pop_front();
    stats_.waiting.add(-1);
  }
  if (group.waiters.empty()) {
    forget_if_empty(found);
    return;
  }
  group.is_asking = true;
  const Question question = found->first;  // It may be forgotten while it is asked.
  ask_(
      question,
      [this, id, alive = std::weak_ptr<bool>(alive_)](Reply reply) {
        return alive.lock() != nullptr && on_reply(id, reply);
      },
      [this, id, alive = std::weak_ptr<bool>(alive_)](Failure failure, std::int64_t number) {
        if (alive.lock() != nullptr) on_failure(id, failure, number);
      });
}

bool LeaseWaiters::on_reply(Id id, Reply reply) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  const auto group = found->second;
  group->second.is_asking = false;
  group->second.failure.reset();
  schedule_.on_outcome(id, upstream_.loop().now());
  auto& waiters = group->second.waiters;
  bool is_taken = true;
  if (has_token(reply.bytes)) {
    // For the first who is still there: the others wait for what it will bring.
    const auto first = std::find_if(waiters.begin(), waiters.end(), [](const Waiter& waiter) {
      return waiter.answer->is_waited_for();
    });
    is_taken = first != waiters.end();
    if (is_taken) {
      const Waiter waiter = std::move(*first);
      waiters.erase(first);
      stats_.waiting.add(-1);
      waiter.answer->complete(reply);
    }
  } else if (reply.bytes != kHeld) {
    const auto answered = std::exchange(waiters, {});
    stats_.waiting.add(-static_cast<std::int64_t>(answered.size()));
    for (const Waiter& waiter : answered) waiter.answer->complete(reply.bytes);
  }
  end_late(group);
  set_timer();
  return is_taken;
}

void LeaseWaiters::on_failure(Id id, Failure failure, std::int64_t number) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  const auto group = found->second;
  group->second.is_asking = false;
  group->second.failure = {failure, number};
  schedule_.on_outcome(id, upstream_.loop().now());
  if (failure == Failure::circuit_open) {
    fail_all(group, failure, number);
  } else {
    end_late(group);
  }
  set_timer();
}

/// Answers those of the group whose time is over.
void LeaseWaiters::end_late(Groups::iterator group) {
  auto& waiters = group->second.waiters;
  const auto failure = group->second.failure;
  const TimePoint now = upstream_.loop().now();
  while (!waiters.empty() && waiters.front().deadline <= now) {
    const Waiter waiter = std::move(waiters.front());
    waiters.pop_front();
    stats_.waiting.add(-1);
    if (failure) {
      waiter.answer->fail(failure->first, failure->second);
    } else {
      waiter.answer->complete(plain_miss(group->first.context.resp));
    }
  }
  forget_if_empty(group);
}

void LeaseWaiters::fail_all(Groups::iterator group, Failure failure, std::int64_t number) {
  const auto waiters = std::exchange(group->second.waiters, {});
  stats_.waiting.add(-static_cast<std::int64_t>(waiters.size()));
  forget_if_empty(group);
  for (const Waiter& waiter : waiters) waiter.answer->fail(failure, number);
}

void LeaseWaiters::forget_if_empty(Groups::iterator group) {
  if (!group->second.waiters.empty()) return;
  schedule_.remove(group->second.id);
  by_id_.erase(group->second.id);
  groups_.erase(group);
}

void LeaseWaiters::set_timer() {
  if (const auto next = schedule_.next()) {
    timer_.set_no_later_than(std::max(*next, upstream_.loop().now()));
  }
  if (!deadlines_.empty()) timer_.set_no_later_than(deadlines_.front().first);
}

}  // namespace hawser
