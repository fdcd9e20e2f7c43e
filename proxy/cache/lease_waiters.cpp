#include "proxy/cache/lease_waiters.hpp"

#include <algorithm>
#include <utility>

#include "protocol/reply_writer.hpp"

namespace hawser {

namespace {

constexpr Duration kFirstInterval = std::chrono::milliseconds(5);
constexpr Duration kLongestInterval = std::chrono::milliseconds(40);

}  // namespace

bool has_token(std::string_view reply) {
  return reply.starts_with('*') && !reply.ends_with("_\r\n") && !reply.ends_with("$-1\r\n");
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
      timer_(upstream.loop(), [this] { on_timer(); }) {}

void LeaseWaiters::add(const Question& question, std::shared_ptr<HeldAnswer> answer,
                       TimePoint deadline) {
  const auto [found, is_new] = groups_.try_emplace(question);
  Group& group = found->second;
  if (is_new) {
    group.interval = kFirstInterval;
    group.next = upstream_.loop().now() + kFirstInterval;
  }
  group.waiters.push_back({std::move(answer), deadline});
  stats_.waiting.add(1);
  timer_.set_no_later_than(std::min(deadline, group.is_asking ? deadline : group.next));
}

void LeaseWaiters::wake(std::uint32_t database, std::string_view key) {
  for (auto& [question, group] : groups_) {
    if (question.key != key || question.context.database != database) continue;
    group.is_woken = group.is_asking;
    group.next = upstream_.loop().now();
  }
  if (!groups_.empty()) timer_.set_no_later_than(upstream_.loop().now());
}

void LeaseWaiters::wake_all() {
  for (auto& [question, group] : groups_) group.next = upstream_.loop().now();
  if (!groups_.empty()) timer_.set_no_later_than(upstream_.loop().now());
}

void LeaseWaiters::on_timer() {
  const TimePoint now = upstream_.loop().now();
  std::vector<Question> due;
  for (const auto& [question, group] : groups_) due.push_back(question);
  for (const Question& question : due) {
    const auto group = groups_.find(question);
    if (group == groups_.end()) continue;
    drop_late(group);
    if (group->second.waiters.empty()) {
      if (!group->second.is_asking) groups_.erase(group);
    } else if (!group->second.is_asking && group->second.next <= now) {
      ask(group);
    }
  }
  set_timer();
}

/// Answers those whose time is over, and forgets those who were answered or have left.
void LeaseWaiters::drop_late(Groups::iterator group) {
  const TimePoint now = upstream_.loop().now();
  const auto late = std::stable_partition(
      group->second.waiters.begin(), group->second.waiters.end(), [&](const Waiter& waiter) {
        return waiter.deadline > now && !waiter.answer->is_answered() &&
               waiter.answer->client() != nullptr;
      });
  const std::vector<Waiter> done(std::make_move_iterator(late),
                                 std::make_move_iterator(group->second.waiters.end()));
  group->second.waiters.erase(late, group->second.waiters.end());
  stats_.waiting.add(-static_cast<std::int64_t>(done.size()));
  const std::string miss = plain_miss(group->first.context.resp);
  for (const Waiter& waiter : done) waiter.answer->complete(miss);
}

void LeaseWaiters::ask(Groups::iterator group) {
  group->second.is_asking = true;
  group->second.is_woken = false;
  const Question question = group->first;
  ask_(question, [this, question, alive = std::weak_ptr<bool>(alive_)](std::string_view reply) {
    if (alive.lock() != nullptr) on_reply(question, reply);
  });
}

void LeaseWaiters::on_reply(const Question& question, std::string_view reply) {
  const auto group = groups_.find(question);
  if (group == groups_.end()) return;
  const TimePoint now = upstream_.loop().now();
  Group& waiting = group->second;
  waiting.is_asking = false;
  waiting.interval = std::min(waiting.interval * 2, kLongestInterval);
  waiting.next = waiting.is_woken ? now : now + waiting.interval;
  std::vector<Waiter> answered;
  if (reply.empty() || reply == kHeld) {
    // No news: the lease is held, or Redis did not answer.
  } else if (has_token(reply)) {
    // For the first who is still there: the others wait for what it will bring.
    const auto first =
        std::find_if(waiting.waiters.begin(), waiting.waiters.end(),
                     [](const Waiter& waiter) { return waiter.answer->client() != nullptr; });
    if (first != waiting.waiters.end()) {
      answered.push_back(std::move(*first));
      waiting.waiters.erase(first);
    }
  } else {
    answered = std::exchange(waiting.waiters, {});
  }
  stats_.waiting.add(-static_cast<std::int64_t>(answered.size()));
  if (waiting.waiters.empty()) groups_.erase(group);
  set_timer();
  for (const Waiter& waiter : answered) waiter.answer->complete(reply);
}

void LeaseWaiters::set_timer() {
  for (const auto& [question, group] : groups_) {
    if (!group.is_asking) timer_.set_no_later_than(group.next);
    for (const Waiter& waiter : group.waiters) timer_.set_no_later_than(waiter.deadline);
  }
}

}  // namespace hawser
