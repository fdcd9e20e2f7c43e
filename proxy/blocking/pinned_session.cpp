#include "proxy/blocking/pinned_session.hpp"

#include <cstdlib>

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/blocking_time.hpp"
#include "proxy/traffic/stored_request.hpp"

namespace hawser {

namespace {

/// What a short time-out leaves at least for opening a connection.
constexpr std::chrono::milliseconds kConnectGrace{100};

bool is_monitor(const Request& request) {
  return request.command != nullptr && request.command->name == "monitor";
}

/// Whether the command makes the server send what answers no request, from now on: SUBSCRIBE and
/// its relatives, too, which are answered once for each channel.
bool starts_stream(const Request& request) {
  return is_monitor(request) ||
         (request.command != nullptr && request.command->command_class == CommandClass::pubsub &&
          request.command->treatment == protocol::Treatment::pinned &&
          request.command->accepts(request.argc()));
}

/// Whether it is about clients, of which Redis would take hawser's own connections.
bool is_about_clients(const Request& request) {
  return request.command != nullptr && request.command->name.starts_with("client|") &&
         request.command->treatment == protocol::Treatment::intercepted;
}

/// Whether the server would not answer each request any more.
bool silences_replies(const Request& request) {
  return request.command != nullptr && request.command->name == "client|reply";
}

}  // namespace

/// Sees a reply pass, so that the session knows when the connection is free.
class PinnedSession::Tap final : public ReplySink {
 public:
  Tap(std::weak_ptr<PinnedSession> session, const protocol::Command* command, SlotHandle slot)
      : session_(std::move(session)), command_(command), slot_(std::move(slot)) {}

  void on_reply(std::uint32_t, Reply reply) override {
    // First the connection, then the reply: the client's next request may need one at once.
    // A script, or a command nobody knows, says what its author likes.
    const bool is_trusted = command_ != nullptr && command_->command_class != CommandClass::script;
    const bool is_moved = is_trusted && reply.bytes.starts_with("-READONLY ");
    if (const auto session = session_.lock()) {
      if (is_moved) session->upstream_.leave_server();
      session->on_answered(!is_moved, reply.bytes.starts_with('-'));
    }
    slot_.complete(reply);
  }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    if (const auto session = session_.lock()) session->on_answered(false);
    slot_.fail(failure, number);
  }
  void on_expiry(std::uint32_t, Failure failure, std::int64_t number) override {
    if (const auto session = session_.lock()) session->on_answered(false);
    slot_.expire(failure, number);  // Settled with this tap.
  }
  std::size_t stream_threshold(std::uint32_t) const override { return slot_.stream_threshold(); }
  bool on_part(std::uint32_t, std::string_view part, bool last) override {
    if (last) {
      if (const auto session = session_.lock()) session->on_answered(true);
    }
    return slot_.stream(part, last);
  }

 private:
  std::weak_ptr<PinnedSession> session_;
  const protocol::Command* const command_;
  SlotHandle slot_;
};

/// The downstream end of a connection that streams.
class PinnedSession::PipeEnd final : public ReplySink {
 public:
  explicit PipeEnd(Client& client) : client_(client.weak_from_this()) {}
  void on_reply(std::uint32_t, Reply) override {}
  void on_failure(std::uint32_t, Failure, std::int64_t) override {
    if (const auto client = client_.lock()) client->abort("upstream connection lost");
  }
  bool on_part(std::uint32_t, std::string_view part, bool) override {
    const auto client = client_.lock();
    return client == nullptr || client->push(part);
  }

 private:
  std::weak_ptr<Client> client_;
};

PinnedSession::PinnedSession(const Parts& parts, Client& client, Stay stay)
    : parts_(parts), upstream_(parts.upstream), client_(client), stay_(stay) {}

PinnedSession::~PinnedSession() {
  if (lease_ != nullptr) lease_->set_holder(nullptr);
}

Taken PinnedSession::handle(Client& client, Request& request) {
  if (is_refused(request) || (is_pipe_ && is_about_clients(request))) {
    return parts_.refuse.handle(client, request);
  }
  const bool backlog =
      lease_ != nullptr && lease_->lane().queued_bytes() > upstream_.settings().lanes.max_bytes;
  if (is_pipe_) {
    if (backlog) {
      client.abort("lanes.max_bytes reached");
      return Taken::yes;
    }
    pipe(request);
    return Taken::yes;
  }
  if (backlog && client.unanswered() > 0) return Taken::later;
  const bool stream = starts_stream(request);
  // A stream begins behind all replies, late ones included.
  const bool alone = stream || !is_settled_;
  if (alone && client.unsettled() > 0) return Taken::later;
  if (lease_ == nullptr) {
    acquire(request);
    return Taken::yes;
  }
  if (silences_replies(request) || is_about_clients(request)) {
    client.open_slot(request).fail(Failure::denied);
    return Taken::yes;
  }
  if (stream) {
    is_pipe_ = true;
    client.set_piped();
    lease_->lane().become_pipe(*new PipeEnd(client));
    return handle(client, request);
  }
  std::string scratch;
  submit(request, request.wire(scratch), client.open_slot(request), deadline_of(request));
  return Taken::yes;
}

TimePoint PinnedSession::deadline_of(const Request& request) const {
  return blocking_deadline(request, request.arrived, kBlockingGrace)
      .value_or(upstream_.deadline_of(class_of(request), request.arrived));
}

void PinnedSession::pipe(const Request& request) {
  // From CLIENT REPLY on it is not known what brings a reply.
  if (request.command != nullptr && request.command->name == "client|reply") may_be_quiet_ = true;
  const bool is_quiet = may_be_quiet_ || is_monitor(request);  // A second MONITOR is not answered.
  if (request.command != nullptr && request.command->name == "script|flush") {
    upstream_.forget_scripts();
  }
  std::string scratch;
  lease_->lane().pipe(request.wire(scratch), is_quiet ? TimePoint::max() : deadline_of(request));
}

/// The request that waits for a connection.
struct PinnedSession::Waiting {
  StoredRequest request;
  SlotHandle slot;
  TimePoint deadline;
  /// When a blocking command's own time is over; nothing: it has no end, or is none.
  std::optional<TimePoint> own_end;
};

void PinnedSession::acquire(Request& request) {
  if (!is_blocking(request) && !upstream_.circuit().allows()) {
    const auto self = shared_from_this();
    client_.set_own_handler(nullptr);
    upstream_.refuse(client_.open_slot(request));
    return;
  }
  waiting_ = std::make_shared<Waiting>(
      Waiting{StoredRequest(request), client_.open_slot(request), deadline_of(request), {}});
  // Waiting for a connection is part of a blocking command's own time.
  constexpr Duration kNone{-1};
  const Duration own_time = is_wait(request) ? kNone : blocking_time(request).value_or(kNone);
  if (own_time > Duration::zero()) waiting_->own_end = request.arrived + own_time;
  if (is_blocking(request)) blocked_.emplace(parts_.blocked, client_.id(), *this);
  client_.set_route(&upstream_.pinned());
  client_.pause();
  // A blocking command waits for the upstream, too, as long as it would have waited for an element.
  const bool waits_for_ever = own_time == Duration::zero();
  const TimePoint patience =
      waits_for_ever
          ? TimePoint::max()
          : std::min(waiting_->deadline, request.arrived + upstream_.settings().timeout.total);
  const TimePoint deadline = waiting_->own_end ? *waiting_->own_end + kConnectGrace : patience;
  upstream_.pinned().acquire({.context = client_.context(),
                              .deadline = deadline,
                              .patient = waiting_->own_end.has_value(),
                              .for_life = stay_ == Stay::for_life,
                              .cancelled = weak_from_this()},
                             [this](PinnedPool::Acquired got) { on_acquired(std::move(got)); });
}

void PinnedSession::on_acquired(PinnedPool::Acquired got) {
  const auto self = shared_from_this();
  if (got.lease == nullptr && got.error.empty()) {
    if (waiting_->own_end) {
      unblock(false);
    } else {
      const auto waiting = stop_waiting();
      waiting->slot.fail(got.failure);
    }
    return;
  }
  if (got.lease == nullptr) {
    stop_waiting()->slot.complete(got.error);
    return;
  }
  lease_ = std::move(got.lease);
  lease_->set_holder(this);
  const auto waiting = std::move(waiting_);
  const Request request = waiting->request.view();
  if (starts_stream(request)) {
    // Its acknowledgements, however many, come through the pipe.
    is_pipe_ = true;
    client_.set_piped();
    lease_->lane().become_pipe(*new PipeEnd(client_));
    lease_->lane().pipe(request.raw, waiting->deadline);
    waiting->slot.complete(std::string_view());
  } else {
    std::string bytes(request.raw);
    const TimePoint now = upstream_.loop().now();
    if (waiting->own_end && now > request.arrived) {
      const bool whole_seconds = std::atoi(std::string(upstream_.server_version()).c_str()) < 6;
      bytes = with_blocking_time(
          request, std::max<Duration>(*waiting->own_end - now, std::chrono::milliseconds(1)),
          whole_seconds);
    }
    submit(request, bytes, std::move(waiting->slot), waiting->deadline);
  }
  client_.resume();
}

/// Ends the wait for a connection, and with it the session; the request is to be answered.
std::shared_ptr<PinnedSession::Waiting> PinnedSession::stop_waiting() {
  const auto self = shared_from_this();
  auto waiting = std::move(waiting_);
  client_.resume();
  client_.set_own_handler(nullptr);
  return waiting;
}

void PinnedSession::unblock(bool error) {
  std::string reply;
  protocol::ReplyWriter writer(reply, client_.context().resp);
  const Request request = waiting_->request.view();
  if (is_wait(request)) {
    // As many replicas as are known to have it.
    if (request.command->name == "waitaof") {
      writer.array(2);
      writer.integer(0);
    }
    writer.integer(0);
  } else if (error) {
    writer.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
  } else {
    writer.null_array();
  }
  stop_waiting()->slot.complete(reply);
}

void PinnedSession::submit(const Request& request, std::string_view bytes, SlotHandle slot,
                           TimePoint deadline) {
  auto* tap = new Tap(weak_from_this(), request.command, std::move(slot));
  Submission submission{.bytes = bytes,
                        .slot = SlotHandle(*tap, 0),
                        .deadline = deadline,
                        .command_class = class_of(request)};
  if (!is_wait(request)) {
    lease_->lane().submit(std::move(submission));
    return;
  }
  // WAIT covers what its connection has written so far: after any command that is the server's
  // present replication offset, and with it everything this client wrote on the main lane.
  const std::string block = "*1\r\n$4\r\nPING\r\n" + std::string(bytes);
  submission.bytes = block;
  lease_->lane().submit_block(std::move(submission), 2, 1);
}

void PinnedSession::on_answered(bool in_time, bool refused) {
  // What Redis refused has left nothing on the connection.
  is_settled_ = stay_ == Stay::for_life && (is_settled_ || !refused);
  if (is_settled_) return;
  const auto self = shared_from_this();
  if (stay_ == Stay::one_request && in_time) lease_->give_back();
  // Otherwise the connection is closed with the lease.
  client_.set_own_handler(nullptr);
  const auto lease = std::move(lease_);
}

void PinnedSession::on_lease_lost(const LaneEnd& /*end*/) {
  // What the connection stood for (a transaction, watched keys) is lost with it; the replies still
  // owed say so, then the client is closed.
  if (stay_ == Stay::for_life && !is_pipe_) client_.close_after_replies();
}

void PinnedSession::on_lease_push(std::string_view frame) {
  client_.push(frame);
}

}  // namespace hawser
