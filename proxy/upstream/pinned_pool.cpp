#include "proxy/upstream/pinned_pool.hpp"

#include <algorithm>

namespace hawser {

Lease::Lease(PinnedPool& pool, std::shared_ptr<Lane> lane, LeaseHolder* holder)
    : pool_(pool), lane_(std::move(lane)) {
  set_holder(holder);
}

Lease::~Lease() {
  if (lane_ == nullptr) return;
  set_holder(nullptr);
  lane_->close();
}

void Lease::set_holder(LeaseHolder* holder) {
  if (auto* member = pool_.find(*lane_)) member->holder = holder;
}

bool Lease::keep_for_life() {
  auto* member = pool_.find(*lane_);
  if (member == nullptr || member->for_life) return member != nullptr;
  if (pool_.is_full(true)) return false;
  member->for_life = true;
  pool_.serve();
  return true;
}

void Lease::give_back() {
  auto* member = pool_.find(*lane_);
  if (member == nullptr || !lane_->is_open() || lane_->unanswered() > 0) return;
  lane_.reset();
  member->holder = nullptr;
  member->for_life = false;
  member->state = PinnedPool::State::spare;
  member->since = pool_.parts_.loop.now();
  pool_.serve();
  pool_.set_timer();
  pool_.count();
}

PinnedPool::PinnedPool(UpstreamParts& parts, Reaper& reaper)
    : parts_(parts), reaper_(reaper), timer_(parts.loop, [this] { on_timer(); }) {}

PinnedPool::~PinnedPool() {
  close();
}

void PinnedPool::close() {
  closing_ = true;
  waiters_.clear();
  while (!members_.empty()) {
    const auto lane = members_.front().lane;
    if (lane == nullptr) {
      members_.pop_front();
    } else {
      lane->close();
    }
  }
}

void PinnedPool::close_spare() {
  std::vector<std::shared_ptr<Lane>> spare;
  for (const Member& member : members_) {
    if (member.state == State::spare) spare.push_back(member.lane);
  }
  for (const auto& lane : spare) lane->close();
}

PinnedPool::Member* PinnedPool::find(const Lane& lane) {
  for (Member& member : members_) {
    if (member.lane.get() == &lane) return &member;
  }
  return nullptr;
}

void PinnedPool::acquire(Order order, std::function<void(Acquired)> done) {
  const TimePoint now = parts_.loop.now();
  waiters_.push_back({std::move(order), now, std::move(done)});
  serve();
  set_timer();
  count();
}

/// Whether no more connections may be opened for those that come back, or for those that do not.
bool PinnedPool::is_full(bool for_life) const {
  const auto used = std::count_if(members_.begin(), members_.end(),
                                  [for_life](const Member& m) { return m.for_life == for_life; });
  const auto& limits = parts_.settings.pinned;
  return static_cast<std::uint64_t>(used) >= (for_life ? limits.max_for_life : limits.max);
}

void PinnedPool::serve() {
  // Handing out and closing connections come back here: the outermost call does it all.
  serve_again_ = true;
  if (serving_) return;
  serving_ = true;
  while (serve_again_) {
    serve_again_ = false;
    serve_line();
  }
  serving_ = false;
}

void PinnedPool::serve_line() {
  if (!parts_.health.allows()) return;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    const auto waiter = it++;
    if (waiter->cancelled.expired()) {
      waiters_.erase(waiter);
    } else if (!serve_one(waiter) && !waiter->for_life) {
      return;  // First come, first served.
    }
  }
}

/// Returns false if no connection can be had for the first in line at present.
bool PinnedPool::serve_one(std::list<Waiter>::iterator waiter) {
  Member* other_context = nullptr;
  std::size_t opening = 0;
  for (Member& member : members_) {
    const bool same_kind = member.for_life == waiter->for_life;
    if (member.state == State::opening && member.context == waiter->context && same_kind) {
      ++opening;
    }
    if (member.state != State::spare) continue;
    if (member.context == waiter->context && (same_kind || !is_full(waiter->for_life))) {
      const Waiter served = std::move(*waiter);
      waiters_.erase(waiter);
      hand_out(member, served);
      return true;
    }
    other_context = &member;
  }
  // One connection is on its way for each who waits in front of this one.
  std::size_t ahead = 0;
  for (auto it = waiters_.begin(); it != waiter; ++it) {
    ahead += it->context == waiter->context && it->for_life == waiter->for_life;
  }
  if (opening > ahead) return true;
  if (is_full(waiter->for_life)) {
    if (other_context == nullptr || waiter->for_life) return false;
    const auto lane = other_context->lane;
    lane->close();
  }
  open(waiter->context, waiter->for_life);
  return true;
}

void PinnedPool::hand_out(Member& member, const Waiter& waiter) {
  member.state = State::leased;
  member.for_life = waiter.for_life;
  parts_.stats.pinned_wait.observe(parts_.loop.now() - waiter.since);
  waiter.done({std::make_unique<Lease>(*this, member.lane, nullptr), {}, {}});
}

void PinnedPool::open(const Context& context, bool for_life) {
  Member& member = members_.emplace_back();
  member.context = context;
  member.for_life = for_life;
  member.state = State::opening;
  member.since = parts_.loop.now();
  member.seeker = std::make_unique<ConnectGate::Seeker>(parts_.gate, false,
                                                        [this, &member] { connect(member); });
  member.seeker->want();
}

void PinnedPool::connect(Member& member) {
  member.lane = std::make_shared<Lane>(parts_.lane_parts(LaneRole::pinned), *this);
  member.lane->open(parts_.endpoint, parts_.plan(member.context, LaneRole::pinned),
                    Clock::now() + parts_.settings.timeout.connect);
}

void PinnedPool::on_lane_open(Lane& lane, const HandshakeResult& /*result*/) {
  Member* member = find(lane);
  member->seeker->succeeded();
  member->state = State::spare;
  member->since = parts_.loop.now();
  serve();
  set_timer();
  count();
}

void PinnedPool::on_lane_end(Lane& lane, LaneEnd end) {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [&](const Member& m) { return m.lane.get() == &lane; });
  std::list<Member> ended;
  ended.splice(ended.end(), members_, found);
  Member& member = ended.front();
  const bool refused = end.at_select || is_login_refusal(end.reply);
  if (member.state == State::opening) {
    if (end.kind == LaneEnd::Kind::closed) {
      member.seeker->gave_up();
    } else if (refused) {
      member.seeker->succeeded();
    } else {
      member.seeker->failed();
    }
  }
  if (member.state != State::opening && end.kind == LaneEnd::Kind::lost) member.seeker->lost();
  if (member.holder != nullptr) member.holder->on_lease_lost(end);
  if (closing_) return;
  if (end.left_unanswered) reaper_.reap({end.connection, end.unsettled});
  if (member.state == State::opening && refused) {
    // Everybody who waits for this context learns why it cannot be had now.
    std::list<Waiter> failed;
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      const auto next = std::next(it);
      if (it->context == member.context) failed.splice(failed.end(), waiters_, it);
      it = next;
    }
    for (Waiter& waiter : failed) {
      if (waiter.cancelled.expired()) continue;
      waiter.done({nullptr, Failure::down, end.at_select ? end.reply : std::string()});
    }
  }
  serve();
  set_timer();
  count();
}

void PinnedPool::on_lane_push(Lane& lane, std::string_view frame) {
  const Member* member = find(lane);
  if (member != nullptr && member->holder != nullptr) member->holder->on_lease_push(frame);
}

void PinnedPool::on_timer() {
  const TimePoint now = parts_.loop.now();
  std::list<Waiter> late;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    const auto next = std::next(it);
    if (gives_up_at(*it) <= now) late.splice(late.end(), waiters_, it);
    it = next;
  }
  std::vector<std::shared_ptr<Lane>> idle;
  for (const Member& member : members_) {
    if (member.state == State::spare && member.since + parts_.settings.pinned.idle <= now) {
      idle.push_back(member.lane);
    }
  }
  for (const auto& lane : idle) lane->close();
  for (Waiter& waiter : late) {
    if (waiter.cancelled.expired()) continue;
    const bool full = is_full(waiter.for_life);
    waiter.done({nullptr, full ? Failure::full_pinned : Failure::down, {}});
  }
  serve();
  set_timer();
  count();
}

/// Until when the waiter stays in line, as things are.
TimePoint PinnedPool::gives_up_at(const Waiter& waiter) const {
  if (waiter.patient || !is_full(waiter.for_life)) return waiter.deadline;
  return std::min(waiter.deadline, waiter.since + parts_.settings.pinned.wait);
}

void PinnedPool::set_timer() {
  for (const Waiter& waiter : waiters_) {
    const TimePoint end = gives_up_at(waiter);
    if (end != TimePoint::max()) timer_.set_no_later_than(end);
  }
  for (const Member& member : members_) {
    if (member.state == State::spare) {
      timer_.set_no_later_than(member.since + parts_.settings.pinned.idle);
    }
  }
}

void PinnedPool::count() {
  std::int64_t leased = 0;
  for (const Member& member : members_) leased += member.state == State::leased;
  parts_.stats.pinned_in_use.set(leased);
  parts_.stats.pinned_waiting.set(static_cast<std::int64_t>(waiters_.size()));
}

}  // namespace hawser
