#include "proxy/upstream/main_lane.hpp"

#include <algorithm>

#include "protocol/reply_framer.hpp"
#include "proxy/traffic/reply_tap.hpp"

namespace hawser {

namespace {

/// After the server refused the password: asking again soon would change nothing.
constexpr Duration kRefusedDelay = std::chrono::seconds(1);

/// Sees the end of an EVAL that a client had sent as EVALSHA: a user who may not run EVAL is told
/// what came of the EVALSHA.
class EvalTap final : public ReplyTap {
 public:
  EvalTap(ClientScripts& scripts, UserId user, std::uint64_t server, std::string digest,
          SlotHandle slot)
      : ReplyTap(std::move(slot)),
        scripts_(scripts),
        user_(user),
        server_(server),
        digest_(std::move(digest)) {}
  // Answered or not: the server may have the script.
  ~EvalTap() override { scripts_.note_sent(user_, digest_, server_); }

  void on_reply(std::uint32_t, Reply reply) override {
    // No script can be told that of itself: it may not try to EVAL.
    const bool is_refused = reply.bytes.starts_with("-NOPERM ") &&
                            reply.bytes.find(" permissions to run the 'eval") != reply.bytes.npos;
    if (is_refused) {
      slot().complete(kNoScript);
    } else {
      slot().complete(reply);
    }
  }
  std::size_t stream_threshold(std::uint32_t) const override { return slot().stream_threshold(); }
  bool on_part(std::uint32_t, std::string_view part, bool last) override {
    return slot().stream(part, last);
  }

 private:
  ClientScripts& scripts_;
  const UserId user_;
  const std::uint64_t server_;
  const std::string digest_;
};

}  // namespace

MainLane::MainLane(UpstreamParts& parts, Reaper& reaper, const Context& context, LaneRole role,
                   bool keep_open)
    : parts_(parts),
      reaper_(reaper),
      context_(context),
      role_(role),
      seeker_(parts.gate, keep_open, [this] { connect(); }),
      refused_(parts.loop, [this] { seeker_.want(); }),
      expiry_(parts.loop, [this] { on_expiry(); }),
      retries_(parts, [this](std::vector<PendingRequest> group) { send_again(std::move(group)); }),
      keep_open_(keep_open) {}

MainLane::~MainLane() {
  close();
}

bool MainLane::is_idle_since(TimePoint when) const {
  return is_open() && lane_->unanswered() == 0 && waiting_.empty() && lane_->last_used() < when;
}

void MainLane::ensure_open() {
  if (!is_active()) seeker_.want();
}

void MainLane::connect() {
  lane_ = std::make_shared<Lane>(parts_.lane_parts(role_), *this);
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

void MainLane::submit(PendingRequest request) {
  if (may_send()) {
    lane_->submit(std::move(request));
  } else {
    wait(std::move(request));
  }
}

void MainLane::wait(Submission submission) {
  PendingRequest request;
  request.bytes = submission.bytes;
  request.slots.push_back(std::move(submission.slot));
  request.deadline = std::max(submission.deadline, submission.final_deadline);
  request.submitted = parts_.loop.now();
  request.command_class = submission.command_class;
  request.command = submission.command;
  request.server = submission.server;
  wait(std::move(request));
}

void MainLane::wait(PendingRequest request) {
  ensure_open();
  waiting_bytes_ += request.bytes.size();
  expiry_.set_no_later_than(request.deadline);
  waiting_.push_back(std::move(request));
}

/// Requests of one client that Redis had rejected.
void MainLane::send_again(std::vector<PendingRequest> group) {
  if (!parts_.health.allows()) return;  // Its end refuses it.
  for (PendingRequest& request : group) {
    if (!request.needs_body || put_body(request)) wait(std::move(request));
  }
  send_waiting();
}

/// Makes EVAL of a client's EVALSHA; false if that is not to be: it has its answer already.
bool MainLane::put_body(PendingRequest& request) {
  ClientScripts& scripts = parts_.client_scripts;
  auto eval = scripts.to_eval(context_.user, request.bytes, server_);
  Failure why{};
  if (!eval || is_full(eval->bytes.size(), why)) return false;
  const bool is_read_only = request.command->name == "evalsha_ro";
  request.bytes = std::move(eval->bytes);
  request.command = protocol::find_command(is_read_only ? "eval_ro" : "eval");
  SlotHandle& slot = request.slots.front();
  auto* tap =
      new EvalTap(scripts, context_.user, server_, std::move(eval->digest), std::move(slot));
  slot = SlotHandle(*tap, 0);
  request.needs_body = false;
  return true;
}

/// As many of those who wait as the lane may have.
void MainLane::send_waiting() {
  while (!waiting_.empty() && is_open() && !is_moved_ && parts_.health.allows() &&
         parts_.health.ramp().allows(lane_->unanswered())) {
    PendingRequest request = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= request.bytes.size();
    const bool is_elsewhere = request.server != 0 && request.server != server_;
    if (is_elsewhere) request.failure = Failure::other_server;
    // Too late for a reply in time: it is not sent.
    if (request.deadline > parts_.loop.now() && !is_elsewhere) lane_->submit(std::move(request));
  }
}

void MainLane::resume() {
  if (is_open()) {
    send_waiting();
  } else if (!waiting_.empty() || !open_waiters_.empty() || keep_open_) {
    ensure_open();
  }
}

void MainLane::refuse_waiting() {
  const auto retry_in = parts_.health.retry_in(parts_.loop.now());
  auto refused = std::exchange(waiting_, {});
  waiting_bytes_ = 0;
  for (PendingRequest& request : refused) {
    if (request.failure == Failure::down) {
      request.failure = Failure::circuit_open;
      request.failure_number = retry_in.count();
    }
    request.refuse();
  }
  tell_waiters({false, {}});
}

void MainLane::leave_server() {
  if (!is_open()) return;
  is_moved_ = true;
  if (lane_->unanswered() == 0) lane_->close();
}

void MainLane::ping_if_idle(TimePoint limit) {
  if (is_open()) lane_->ping_if_idle(limit, parts_.loop.now() + parts_.settings.timeout.command);
}

void MainLane::when_open(TimePoint deadline, std::function<void(const OpenResult&)> done) {
  ensure_open();
  open_waiters_.push_back({deadline, std::move(done)});
  expiry_.set_no_later_than(deadline);
}

void MainLane::on_expiry() {
  const TimePoint now = parts_.loop.now();
  std::vector<PendingRequest> expired;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->deadline > now) {
      ++it;
      continue;
    }
    waiting_bytes_ -= it->bytes.size();
    expired.push_back(std::move(*it));
    it = waiting_.erase(it);
  }
  std::list<OpenWaiter> late;
  for (auto it = open_waiters_.begin(); it != open_waiters_.end();) {
    const auto next = std::next(it);
    if (it->deadline <= now) late.splice(late.end(), open_waiters_, it);
    it = next;
  }
  arm_expiry();
  for (PendingRequest& request : expired) request.refuse();
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
  server_ = server_number(result.run_id);
  if (role_ == LaneRole::main) {
    parts_.run_id = result.run_id;
    parts_.scripts.on_server(result.run_id);
  }
  parts_.lacks_hello = result.server_version.empty();
  if (!parts_.lacks_hello) parts_.server_version = result.server_version;
  if (!result.predecessors_killed) {
    parts_.log.warn(
        "the upstream user may not run CLIENT KILL: requests left on a lost connection "
        "may still run after newer ones");
  }
  // Settled when the waiting ones are sent: those of the same clients wait for that.
  const auto settled = std::move(predecessors_);
  predecessors_.clear();
  seeker_.succeeded();
  is_refused_ = false;
  proven_ = true;
  if (role_ == LaneRole::main) parts_.stats.up.add(1);
  if (was_lost_) parts_.stats.reconnects.add();
  parts_.log.info("upstream connection open", {{"upstream", parts_.stats.upstream},
                                               {"lane", lane_role_name(role_)},
                                               {"database", context_.database},
                                               {"resp", static_cast<int>(context_.resp)},
                                               {"server_version", parts_.server_version},
                                               {"waiting", waiting_.size()}});
  lane.watch_replies(retries_.is_watching());
  send_waiting();
  tell_waiters({true, {}});
  if (role_ != LaneRole::main) return;
  for (LaneEvents* listener : parts_.listeners) listener->on_lane_open(context_);
}

/// What may still be sent goes back to the front of the line, in its order.
void MainLane::put_back(LaneEnd& end) {
  std::vector<PendingRequest> back;
  const auto& retry = parts_.settings.retry;
  for (PendingRequest& read : end.lost_reads) {
    const bool may_retry = retry.reads == config::RetryReads::unknown &&
                           read.attempts < retry.max && read.deadline > parts_.loop.now();
    if (may_retry && parts_.health.budget().take(1)) {
      ++read.attempts;
      back.push_back(std::move(read));
    } else if (may_retry) {
      parts_.stats.retries[RetryOutcome::refused].add();
    } else if (read.attempts > 0) {
      parts_.stats.retries[RetryOutcome::failed].add();
    }
  }
  for (PendingRequest& unsent : end.unsent) back.push_back(std::move(unsent));
  for (auto it = back.rbegin(); it != back.rend(); ++it) {
    waiting_bytes_ += it->bytes.size();
    waiting_.push_front(std::move(*it));
  }
  arm_expiry();
}

void MainLane::on_lane_end(Lane& /*lane*/, LaneEnd end) {
  lane_.reset();
  is_moved_ = false;
  put_back(end);
  retries_.on_lane_end();
  if (!parts_.health.allows()) refuse_waiting();  // This end may be what opened the circuit.
  // A server that is only busy or loading will take the same words later.
  const bool refused =
      is_login_refusal(end.reply) ||
      (end.at_select && find_rejection(protocol::error_word(end.reply)) == nullptr);
  if (end.was_open) {
    if (end.left_unanswered && end.connection.client_id != 0) {
      predecessors_.push_back({end.connection, std::move(end.unsettled)});
    }
    if (role_ == LaneRole::main) {
      parts_.lacks_hello = false;  // The next server may be another.
      parts_.stats.up.add(-1);
      for (LaneEvents* listener : parts_.listeners) listener->on_lane_lost(context_);
    }
    if (end.kind != LaneEnd::Kind::closed) seeker_.lost();
  } else if (end.kind == LaneEnd::Kind::closed) {
    seeker_.gave_up();
  } else if (refused) {
    seeker_.succeeded();  // The server is there; it is this user it does not want.
  } else {
    seeker_.failed();
  }
  if (end.kind == LaneEnd::Kind::closed) {
    if (!closing_ && (keep_open_ || !waiting_.empty() || !open_waiters_.empty())) seeker_.want();
    return;
  }
  is_refused_ = refused;
  was_lost_ = was_lost_ || end.was_open;
  note_failure(end);
  if (refused) {
    // Whoever may log in kills the predecessors: there may never be a successor.
    for (EndedConnection& ended : predecessors_) reaper_.reap(std::move(ended));
    predecessors_.clear();
    tell_waiters({false, end.reply});
    // Nothing that waits could be sent in time.
    std::deque<PendingRequest> waiting;
    waiting.swap(waiting_);
    waiting_bytes_ = 0;
  }
  const bool wanted =
      !waiting_.empty() || !open_waiters_.empty() || !predecessors_.empty() || keep_open_;
  if (!wanted) return;
  if (refused) {
    refused_.set(parts_.loop.now() + kRefusedDelay);
    for (LaneEvents* listener : parts_.listeners) listener->on_lane_refused(context_);
  } else {
    seeker_.want();
  }
}

void MainLane::on_lane_replies(Lane& lane) {
  lane.watch_replies(retries_.is_watching());
  if (is_moved_ && lane.unanswered() == 0) {
    lane.close();
  } else if (!waiting_.empty()) {
    send_waiting();
  }
}

void MainLane::on_lane_rejection(Lane& lane, const Rejection& why, PendingRequest request) {
  // Whoever is the primary now is found by connecting again, the name resolved anew. If that was
  // tried a moment ago, this server is what there is.
  if (why.is_moved && !is_moved_ && !parts_.leave_server()) {
    retries_.on_outcome(request.slots.front().origin());
    return;
  }
  const ReplySink* origin = request.slots.front().origin();
  if (why.is_unknown_script) {
    request.is_free = true;
    request.needs_body = request.effect() == Effect::unknown;
    if (!request.needs_body) {  // A script of hawser's own.
      request.bytes = parts_.scripts.to_eval(request.bytes);
      request.error.clear();  // It asked for no script: if it is not sent again, it was not sent.
    } else if (!parts_.client_scripts.to_eval(context_.user, request.bytes, server_)) {
      retries_.on_outcome(origin);
      return;
    }
  }
  const auto waiting = std::count_if(waiting_.begin(), waiting_.end(), [&](const auto& other) {
    return other.slots.front().origin() == origin;
  });
  retries_.take(lane, std::move(request), static_cast<std::size_t>(waiting));
  lane.watch_replies(retries_.is_watching());
}

void MainLane::on_lane_outcome(Lane& /*lane*/, const ReplySink* origin) {
  retries_.on_outcome(origin);
}

void MainLane::note_failure(const LaneEnd& end) {
  if (!end.was_open) {
    const ConnectFailure kind = end.kind == LaneEnd::Kind::handshake_failed
                                    ? ConnectFailure::rejected
                                    : classify_connect_failure(end.reason);
    parts_.stats.connect_failures[static_cast<std::size_t>(kind)].add();
  }
  if (end.at_select && !keep_open_) return;  // The client that chose the database is told.
  if (is_login_refusal(end.reply)) parts_.users.forget(context_.user);
  std::uint64_t suppressed = 0;
  // That the login is refused is news, also right after a loss.
  RateLimit& limit = is_login_refusal(end.reply) ? refusal_log_limit_ : log_limit_;
  if (!limit.allow(parts_.loop.now(), suppressed)) return;
  const std::string_view reply = protocol::error_text(end.reply);
  const LogLevel level = is_login_refusal(end.reply) ? LogLevel::error : LogLevel::warn;
  parts_.log.log(level, end.was_open ? "upstream connection lost" : "upstream connection failed",
                 {{"upstream", parts_.stats.upstream},
                  {"reason", reply.empty() ? std::string_view(end.reason) : reply},
                  {"suppressed", suppressed}});
}

void MainLane::on_lane_push(Lane& /*lane*/, std::string_view frame) {
  for (LaneEvents* listener : parts_.listeners) listener->on_push(context_, frame);
}

void MainLane::end() {
  close();
  tell_waiters({false, {}});
  retries_.end();
  const auto refused = std::exchange(waiting_, {});
  waiting_bytes_ = 0;
}

void MainLane::close() {
  closing_ = true;
  seeker_.cancel();
  refused_.cancel();
  if (lane_ != nullptr) lane_->close();
  closing_ = false;
}

}  // namespace hawser
