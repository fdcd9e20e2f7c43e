#include "proxy/upstream/retries.hpp"

#include <algorithm>

namespace hawser {

namespace {

/// How often the same request may be sent again for what is no fault.
constexpr std::uint8_t kMostFree = 4;

}  // namespace

Retries::Retries(UpstreamParts& parts, std::function<void(std::vector<PendingRequest>)> resend)
    : parts_(parts),
      resend_(std::move(resend)),
      timer_(parts.loop, [this] { on_due(); }),
      random_(static_cast<std::uint32_t>(Clock::now().time_since_epoch().count())) {}

std::size_t Retries::size() const {
  std::size_t count = 0;
  for (const auto& [origin, group] : groups_) count += group.requests.size();
  return count;
}

bool Retries::may_retry(const PendingRequest& request) const {
  const auto& retry = parts_.settings.retry;
  if (request.is_free) return request.attempts < kMostFree && parts_.health.allows();
  const bool wanted = request.effect() == Effect::read ? retry.reads != config::RetryReads::never
                                                       : retry.writes != config::RetryWrites::never;
  return wanted && request.attempts < retry.max && parts_.health.allows() &&
         request.deadline > parts_.loop.now() + retry.delay_min;
}

void Retries::take(Lane& lane, PendingRequest request, std::size_t waiting) {
  const ReplySink* origin = request.slots.front().origin();
  auto found = groups_.find(origin);
  if (!may_retry(request)) {
    // Answered in its place, behind those of the same client that wait.
    if (found != groups_.end()) on_outcome(origin);
    if (request.attempts > 0) parts_.stats.retries[RetryOutcome::failed].add();
    return;
  }
  if (found == groups_.end()) {
    found = groups_.emplace(origin, Group{}).first;
    found->second.in_flight = lane.unanswered_of(origin) + waiting;
    found->second.deadline = request.deadline;
    timer_.set_no_later_than(request.deadline);
    request.slots.front().hold();
  } else if (found->second.in_flight > 0) {
    --found->second.in_flight;
  }
  found->second.requests.push_back(std::move(request));
  if (found->second.in_flight == 0) schedule(found);
}

void Retries::on_outcome(const ReplySink* origin) {
  const auto found = groups_.find(origin);
  if (found != groups_.end()) give_up(found);
}

void Retries::on_lane_end() {
  for (auto it = groups_.begin(); it != groups_.end();) {
    const auto group = it++;
    if (group->second.in_flight > 0) give_up(group);
  }
}

void Retries::schedule(Groups::iterator group) {
  Group& complete = group->second;
  if (std::all_of(complete.requests.begin(), complete.requests.end(),
                  [](const PendingRequest& request) { return request.is_free; })) {
    complete.due = parts_.loop.now();
    timer_.set_no_later_than(complete.due);
    return;
  }
  if (!parts_.health.budget().take(complete.requests.size())) {
    parts_.stats.retries[RetryOutcome::refused].add(complete.requests.size());
    give_up(group);
    return;
  }
  const auto& retry = parts_.settings.retry;
  std::uniform_int_distribution<std::int64_t> draw(retry.delay_min.count(),
                                                   retry.delay_max.count());
  complete.due = parts_.loop.now() + std::chrono::milliseconds(draw(random_));
  if (complete.due >= complete.deadline) {
    give_up(group);
    return;
  }
  timer_.set_no_later_than(complete.due);
}

/// Its requests are answered with the words Redis found for them.
void Retries::give_up(Groups::iterator group) {
  const Group answered = std::move(group->second);
  groups_.erase(group);
}

void Retries::on_due() {
  const TimePoint now = parts_.loop.now();
  std::vector<Group> due;
  for (auto it = groups_.begin(); it != groups_.end();) {
    const auto group = it++;
    if (group->second.in_flight > 0) {
      if (group->second.deadline > now) {
        timer_.set_no_later_than(group->second.deadline);
      } else {
        give_up(group);
      }
      continue;
    }
    if (group->second.due > now) {
      timer_.set_no_later_than(group->second.due);
      continue;
    }
    due.push_back(std::move(group->second));
    groups_.erase(group);
  }
  for (Group& group : due) {
    if (!parts_.health.allows()) continue;
    for (PendingRequest& request : group.requests) {
      ++request.attempts;
      request.is_free = false;
    }
    resend_(std::move(group.requests));
  }
}

}  // namespace hawser
