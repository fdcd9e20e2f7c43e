#include "proxy/upstream/main_lane.hpp"

#include "protocol/reply_framer.hpp"

namespace hawser {

namespace {

/// After the server refused the password: asking again soon would change nothing.
constexpr Duration kRefusedDelay = std::chrono::seconds(1);

bool is_login_error(std::string_view reply) {
  return reply.starts_with("-NOAUTH") || reply.starts_with("-WRONGPASS");
}

}  // namespace

MainLane::MainLane(UpstreamParts& parts, Reaper& reaper, const Context& context, LaneRole role,
                   bool keep_open)
    : parts_(parts),
      reaper_(reaper),
      context_(context),
      role_(role),
      backoff_(parts.settings.reconnect.backoff_min, parts.settings.reconnect.backoff_max,
               static_cast<std::uint32_t>(Clock::now().time_since_epoch().count())),
      retry_(parts.loop, [this] { connect(); }),
      expiry_(parts.loop, [this] { on_expiry(); }),
      keep_open_(keep_open) {}

MainLane::~MainLane() {
  close();
}

bool MainLane::is_idle_since(TimePoint when) const {
  return is_open() && lane_->unanswered() == 0 && waiting_.empty() && lane_->last_used() < when;
}

void MainLane::ensure_open() {
  if (!is_active()) connect();
}

void MainLane::connect() {
  lane_ = std::make_shared<Lane>(
      Lane::Parts{parts_.loop, parts_.limits, parts_.stats, role_,
                  parts_.settings.buffers.max_bytes, parts_.settings.timeout.command},
      *this);
  HandshakePlan plan = parts_.plan(context_, role_);
  for (const EndedConnection& ended : predecessors_) plan.predecessors.push_back(ended.connection);
  lane_->open(parts_.endpoint, std::move(plan), Clock::now() + parts_.settings.timeout.connect);
}

bool MainLane::is_full(std::size_t bytes, Failure& why) const {
  const auto& limits = parts_.settings.lanes;
  if (unanswered() >= limits.max_requests) {
    why = Failure::full_lane_requests;
    return true;
  }
  if (parts_.loop.blocks().bytes_in_use() + bytes > parts_.settings.buffers.max_bytes) {
    why = Failure::full_buffers;
    return true;
  }
  const std::size_t queued = waiting_bytes_ + (lane_ ? lane_->queued_bytes() : 0);
  // A single request that is larger than the limit passes an empty lane.
  if (queued > 0 && queued + bytes > limits.max_bytes) {
    why = Failure::full_lane_bytes;
    return true;
  }
  return false;
}

void MainLane::submit_block(std::string_view bytes, std::vector<SlotHandle> slots,
                            TimePoint deadline, CommandClass command_class) {
  if (is_open()) {
    lane_->submit_block(bytes, std::move(slots), deadline, command_class);
  } else {
    LaneEnd::Unsent unsent(bytes, deadline, parts_.loop.now(), command_class);
    unsent.slots = std::move(slots);
    wait_for_connection(std::move(unsent));
  }
}

void MainLane::wait_for_connection(Submission submission) {
  LaneEnd::Unsent unsent(submission.bytes, submission.deadline, parts_.loop.now(),
                         submission.command_class);
  unsent.slots.push_back(std::move(submission.slot));
  wait_for_connection(std::move(unsent));
}

void MainLane::wait_for_connection(LaneEnd::Unsent unsent) {
  ensure_open();
  waiting_bytes_ += unsent.bytes.size();
  expiry_.set_no_later_than(unsent.deadline);
  waiting_.push_back(std::move(unsent));
}

void MainLane::when_open(TimePoint deadline, std::function<void(const OpenResult&)> done) {
  ensure_open();
  open_waiters_.push_back({deadline, std::move(done)});
  expiry_.set_no_later_than(deadline);
}

void MainLane::on_expiry() {
  const TimePoint now = parts_.loop.now();
  std::vector<SlotHandle> expired;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->deadline > now) {
      ++it;
      continue;
    }
    waiting_bytes_ -= it->bytes.size();
    for (SlotHandle& slot : it->slots) expired.push_back(std::move(slot));
    it = waiting_.erase(it);
  }
  std::list<OpenWaiter> late;
  for (auto it = open_waiters_.begin(); it != open_waiters_.end();) {
    const auto next = std::next(it);
    if (it->deadline <= now) late.splice(late.end(), open_waiters_, it);
    it = next;
  }
  arm_expiry();
  for (SlotHandle& slot : expired) {
    if (slot) slot.fail(Failure::down);
  }
  for (OpenWaiter& waiter : late) waiter.done({false, {}});
}

void MainLane::arm_expiry() {
  for (const auto& entry : waiting_) expiry_.set_no_later_than(entry.deadline);
  for (const auto& waiter : open_waiters_) expiry_.set_no_later_than(waiter.deadline);
}

void MainLane::tell_waiters(const OpenResult& result) {
  std::list<OpenWaiter> waiters;
  waiters.swap(open_waiters_);
  for (OpenWaiter& waiter : waiters) waiter.done(result);
}

void MainLane::on_lane_open(Lane& lane, const HandshakeResult& result) {
  if (!result.server_version.empty()) parts_.server_version = result.server_version;
  if (!result.predecessors_killed) {
    parts_.log.warn(
        "the upstream user may not run CLIENT KILL: requests left on a lost connection "
        "may still run after newer ones");
  }
  // Settled when the waiting ones are sent: those of the same clients wait for that.
  const auto settled = std::move(predecessors_);
  predecessors_.clear();
  backoff_.reset();
  proven_ = true;
  if (role_ == LaneRole::main) parts_.stats.up.add(1);
  if (was_lost_) parts_.stats.reconnects.add();
  parts_.log.info("upstream connection open", {{"upstream", parts_.stats.upstream},
                                               {"lane", lane_role_name(role_)},
                                               {"database", context_.database},
                                               {"resp", static_cast<int>(context_.resp)},
                                               {"server_version", parts_.server_version},
                                               {"waiting", waiting_.size()}});
  std::deque<LaneEnd::Unsent> waiting;
  waiting.swap(waiting_);
  waiting_bytes_ = 0;
  for (auto& entry : waiting) {
    // Too late for a reply in time: it is not sent.
    if (entry.deadline <= parts_.loop.now()) continue;
    lane.submit_block(entry.bytes, std::move(entry.slots), entry.deadline, entry.command_class);
  }
  tell_waiters({true, {}});
  if (role_ != LaneRole::main) return;
  for (LaneEvents* listener : parts_.listeners) listener->on_lane_open(context_);
}

void MainLane::on_lane_end(Lane& /*lane*/, LaneEnd end) {
  lane_.reset();
  // What was never written goes back to the front of the line, in its order.
  for (auto it = end.unsent.rbegin(); it != end.unsent.rend(); ++it) {
    waiting_bytes_ += it->bytes.size();
    waiting_.push_front(std::move(*it));
  }
  arm_expiry();
  if (end.was_open) {
    if (end.left_unanswered && end.connection.client_id != 0) {
      predecessors_.push_back({end.connection, std::move(end.unsettled)});
    }
    if (role_ == LaneRole::main) {
      parts_.stats.up.add(-1);
      for (LaneEvents* listener : parts_.listeners) listener->on_lane_lost(context_);
    }
  }
  if (end.kind == LaneEnd::Kind::closed) {
    if (!waiting_.empty() && !closing_) connect();
    return;
  }
  was_lost_ = was_lost_ || end.was_open;
  note_failure(end);
  if (end.kind == LaneEnd::Kind::handshake_failed) {
    // Whoever may log in kills the predecessors: there may never be a successor.
    for (EndedConnection& ended : predecessors_) reaper_.reap(std::move(ended));
    predecessors_.clear();
    tell_waiters({false, end.reply});
  }
  if (!waiting_.empty() || !open_waiters_.empty() || !predecessors_.empty() || keep_open_) {
    const bool refused = is_login_error(end.reply);
    retry_.set(parts_.loop.now() + (refused ? kRefusedDelay : Duration(backoff_.next())));
  }
}

void MainLane::note_failure(const LaneEnd& end) {
  if (!end.was_open) {
    const ConnectFailure kind = end.kind == LaneEnd::Kind::handshake_failed
                                    ? ConnectFailure::rejected
                                    : classify_connect_failure(end.reason);
    parts_.stats.connect_failures[static_cast<std::size_t>(kind)].add();
  }
  if (end.at_select) return;  // The client that chose the database is told.
  if (is_login_error(end.reply)) parts_.users.forget(context_.user);
  std::uint64_t suppressed = 0;
  if (!log_limit_.allow(parts_.loop.now(), suppressed)) return;
  const std::string_view reply = protocol::error_text(end.reply);
  const LogLevel level = is_login_error(end.reply) ? LogLevel::error : LogLevel::warn;
  parts_.log.log(level, end.was_open ? "upstream connection lost" : "upstream connection failed",
                 {{"upstream", parts_.stats.upstream},
                  {"reason", reply.empty() ? std::string_view(end.reason) : reply},
                  {"suppressed", suppressed}});
}

void MainLane::on_lane_push(Lane& /*lane*/, std::string_view frame) {
  for (LaneEvents* listener : parts_.listeners) listener->on_push(context_, frame);
}

void MainLane::on_lane_drained(Lane& /*lane*/) {}

void MainLane::close() {
  closing_ = true;
  retry_.cancel();
  if (lane_ != nullptr) lane_->close();
  closing_ = false;
}

}  // namespace hawser
