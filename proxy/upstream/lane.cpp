#include "proxy/upstream/lane.hpp"

#include <algorithm>
#include <array>

#include "protocol/reply_framer.hpp"

namespace hawser {

namespace {

/// Most pieces of one write.
constexpr int kPieces = 64;
/// In place of an element: the lane's own PING.
constexpr int kPingElement = -2;
constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";
/// How often a reply held up by a slow reader is looked at again.
constexpr auto kRoomInterval = std::chrono::milliseconds(2);

}  // namespace

Lane::Lane(const Parts& parts, LaneOwner& owner)
    : loop_(parts.loop),
      stats_(parts.stats),
      health_(parts.health),
      role_(parts.role),
      buffers_(parts.buffers),
      silence_(parts.silence),
      owner_(&owner),
      reader_(parts.limits, loop_.blocks(), loop_.scratch(), Loop::kScratchBytes),
      buffer_(loop_.blocks()),
      timer_(loop_, [this] { on_deadline(); }),
      room_timer_(loop_, [this] { on_room_timer(); }) {}

Lane::~Lane() {
  loop_.withdraw(*this);
}

void Lane::open(const Endpoint& endpoint, HandshakePlan plan, TimePoint deadline) {
  handshake_ = std::make_unique<Handshake>(std::move(plan));
  timer_.set(deadline);
  connector_ = std::make_unique<Connector>(
      loop_, endpoint, deadline, [this](ConnectResult result) { on_connected(std::move(result)); });
}

void Lane::on_connected(ConnectResult result) {
  if (result.descriptor < 0) {
    end(LaneEnd::Kind::connect_failed, std::move(result.error));
    return;
  }
  state_ = State::handshake;
  stats_.connections[static_cast<std::size_t>(role_)].add(1);
  socket_ = std::make_unique<StreamSocket>(loop_, result.descriptor);
  socket_->wait_readable(shared_from_this());
  buffer_.append(handshake_->bytes());
  loop_.at_turn_end(*this);
}

void Lane::on_handshake_reply(std::string_view reply) {
  switch (handshake_->on_reply(reply)) {
    case Handshake::Step::more:
      return;
    case Handshake::Step::write:
      buffer_.append(handshake_->bytes());
      loop_.at_turn_end(*this);
      return;
    case Handshake::Step::failed:
      handshake_error_ = handshake_->error();
      at_select_ = handshake_->failed_at_select();
      end(LaneEnd::Kind::handshake_failed, "rejected");
      return;
    case Handshake::Step::done:
      break;
  }
  const HandshakeResult result = handshake_->result();
  handshake_.reset();
  buffer_.clear();
  timer_.cancel();
  connection_ = {result.client_id, result.run_id};
  last_used_ = loop_.now();
  state_ = State::open;
  owner_->on_lane_open(*this, result);
}

void Lane::push_entry(Entry&& entry) {
  if (entry.deadline != TimePoint::max()) timer_.set_no_later_than(entry.deadline);
  entry.generation = health_.generation();
  stats_.in_flight.add(1);
  entries_.push(std::move(entry));
}

void Lane::on_submitted() {
  last_used_ = loop_.now();
  if (!writing_blocked_) loop_.at_turn_end(*this);
}

void Lane::submit(Submission submission) {
  push_entry({.slot = std::move(submission.slot),
              .submitted = loop_.now(),
              .deadline = submission.deadline,
              .bytes = submission.bytes.size(),
              .final_deadline = submission.final_deadline,
              .command = submission.command,
              .element = -1,
              .command_class = submission.command_class,
              .attempts = 0,
              .generation = 0,
              .server = submission.server});
  if (submission.block != nullptr) {
    buffer_.append(std::move(*submission.block));
  } else {
    buffer_.append(submission.bytes);
  }
  on_submitted();
}

void Lane::submit_block(Submission submission, std::size_t requests, std::size_t taken,
                        int element) {
  // The bytes of the whole block are accounted to its last request, so that the log keeps the
  // block together until it is answered.
  for (std::size_t i = 0; i < requests; ++i) {
    const bool mine = i == taken;
    push_entry({.slot = mine ? std::move(submission.slot) : SlotHandle(),
                .submitted = loop_.now(),
                .deadline = submission.deadline,
                .bytes = i + 1 == requests ? submission.bytes.size() : 0,
                .final_deadline = submission.deadline,
                .command = nullptr,
                .element = mine ? element : -1,
                .command_class = submission.command_class,
                .attempts = 0,
                .generation = 0,
                .server = 0});
  }
  buffer_.append(submission.bytes);
  on_submitted();
}

void Lane::submit(PendingRequest request) {
  for (SlotHandle& slot : request.slots) {
    const bool is_last = &slot == &request.slots.back();
    push_entry({.slot = std::move(slot),
                .submitted = loop_.now(),
                .deadline = request.deadline,
                .bytes = is_last ? request.bytes.size() : 0,
                .final_deadline = request.deadline,
                .command = request.command,
                .element = -1,
                .command_class = request.command_class,
                .attempts = request.attempts,
                .generation = 0,
                .server = request.server});
  }
  buffer_.append(request.bytes);
  on_submitted();
}

void Lane::ping_if_idle(TimePoint limit, TimePoint deadline) {
  if (state_ != State::open || !entries_.empty() || pipe_) return;
  if (std::max(last_used_, last_received_) >= limit) return;
  if (is_feed_) {
    if (pipe_deadline_ == TimePoint{}) pipe(kPing, deadline);
    return;
  }
  const TimePoint used = last_used_;
  push_entry({.slot = {},
              .submitted = loop_.now(),
              .deadline = deadline,
              .bytes = kPing.size(),
              .final_deadline = deadline,
              .command = nullptr,
              .element = kPingElement,
              .command_class = CommandClass::read,
              .attempts = 0,
              .generation = 0,
              .server = 0});
  buffer_.append(kPing);
  on_submitted();
  last_used_ = used;  // That is not what its being idle is judged by.
}

std::size_t Lane::unanswered_of(const ReplySink* origin) const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) count += entries_[i].slot.origin() == origin;
  return count;
}

void Lane::become_pipe(ReplySink& sink) {
  pipe_ = SlotHandle(sink, 0);
}

void Lane::pipe(std::string_view request, TimePoint deadline) {
  buffer_.append(request);
  pipe_deadline_ = std::max(pipe_deadline_, deadline);
  if (pipe_deadline_ != TimePoint::max()) timer_.set(pipe_deadline_);
  if (!writing_blocked_) loop_.at_turn_end(*this);
}

void Lane::on_turn_end() {
  if (state_ != State::handshake && state_ != State::open) return;
  // What is held back goes out in the turn of the next replies.
  if (state_ == State::open && !pipe_ && !is_feed_ &&
      pacer_.holds(buffer_.written_unanswered(), buffer_.unsent())) {
    return;
  }
  write();
}

void Lane::on_writable() {
  writing_blocked_ = false;
  write();
}

void Lane::write() {
  while (buffer_.unsent() > 0) {
    std::array<iovec, kPieces> pieces;
    const int count = buffer_.describe_unsent(pieces.data(), kPieces);
    const std::size_t unsent = buffer_.unsent();
    const IoResult result = socket_->send(pieces.data(), count);
    if (result.status == IoResult::Status::failed) {
      end(LaneEnd::Kind::lost, errno_name(result.error));
      return;
    }
    if (result.status == IoResult::Status::blocked) {
      writing_blocked_ = true;
      socket_->wait_writable(shared_from_this());
      return;
    }
    stats_.sent_bytes.add(result.bytes);
    buffer_.written(result.bytes);
    pacer_.on_write(loop_.now());
    // A pipe has no replies to wait for: what is written is done with.
    if (pipe_ || is_feed_) buffer_.answered(result.bytes);
    if (result.bytes == unsent) return;
  }
}

void Lane::on_readable() {
  const auto self = shared_from_this();
  const ReplyReader::Space space = reader_.prepare();
  const IoResult result = socket_->receive(space.data, space.room);
  switch (result.status) {
    case IoResult::Status::ok:
      break;
    case IoResult::Status::blocked:
      reader_.commit(0);
      (void)reader_.next(0);
      socket_->wait_readable(self);
      return;
    case IoResult::Status::ended:
      end(LaneEnd::Kind::lost, "closed by the upstream");
      return;
    case IoResult::Status::failed:
      end(LaneEnd::Kind::lost, errno_name(result.error));
      return;
  }
  stats_.received_bytes.add(result.bytes);
  last_received_ = loop_.now();
  time_out_counted_ = false;
  if (pipe_) {
    pipe_deadline_ = {};
    timer_.cancel();
    if (!pipe_.stream({space.data, result.bytes}, false)) pause_reading();
    if (!room_timer_.is_set()) socket_->wait_readable(self);
    return;
  }
  if (is_feed_) {
    pipe_deadline_ = {};
    timer_.cancel();
  }
  pacer_.on_reply(last_received_);
  reader_.commit(result.bytes);
  if (!drain_replies()) return;
  if (successes_ > 0) {
    if (tells_health()) health_.on_successes(successes_, last_received_);
    successes_ = 0;
  }
  // Replies make room for what was held back. If they did not answer all of it, the rest is not
  // held back any longer either: the server is writing as it goes.
  if (state_ == State::open && buffer_.unsent() > 0 && !writing_blocked_) write();
  if (state_ == State::ended || room_timer_.is_set()) return;
  socket_->wait_readable(self);
  if (state_ == State::open) owner_->on_lane_replies(*this);
}

/// Returns false if the lane ended.
bool Lane::drain_replies() {
  while (true) {
    if (reader_.between_replies() && !entries_.empty() && entries_.front().element >= 0) {
      reader_.want_elements();
    }
    switch (reader_.next(stream_above())) {
      case ReplyReader::Event::need_more:
        return true;
      case ReplyReader::Event::error:
        stats_.protocol_errors.add();
        end(LaneEnd::Kind::protocol_error, "malformed reply");
        return false;
      case ReplyReader::Event::push:
        if (state_ == State::open) owner_->on_lane_push(*this, reader_.reply().bytes);
        break;
      case ReplyReader::Event::reply:
        on_reply(reader_.reply());
        break;
      case ReplyReader::Event::part:
        if (!on_part(reader_.part(), false)) pause_reading();
        break;
      case ReplyReader::Event::last_part:
        on_part(reader_.part(), true);
        break;
    }
    if (state_ == State::ended) return false;
  }
}

void Lane::on_reply(Reply reply) {
  if (state_ == State::handshake) {
    on_handshake_reply(reply.bytes);
    return;
  }
  if (is_feed_) {
    owner_->on_lane_push(*this, reply.bytes);
    return;
  }
  if (entries_.empty()) {
    stats_.protocol_errors.add();
    end(LaneEnd::Kind::protocol_error, "reply without a request");
    return;
  }
  Entry& front = entries_.front();
  if (buffer_.written_unanswered() < front.bytes) {
    // Answered before it was wholly sent: an error about a request Redis will not read on. Whose
    // bytes follow is not certain any more.
    stats_.protocol_errors.add();
    end(LaneEnd::Kind::protocol_error, "reply before the request was sent");
    return;
  }
  if (reply.bytes.front() == '-' && front.slot) {
    const Rejection* why = find_rejection(protocol::error_word(reply.bytes));
    if (why != nullptr && proves_not_executed(front.command, reply.bytes)) {
      on_rejected(*why, reply);
      return;
    }
  }
  count_success(front);
  if (watched_) owner_->on_lane_outcome(*this, front.slot.origin());
  SlotHandle slot = std::move(front.slot);
  const int element = front.element;
  const Duration taken = loop_.now() - front.submitted;
  finish_front();
  if (element == kPingElement) {
    stats_.latency_micros.set(std::chrono::duration_cast<std::chrono::microseconds>(taken).count());
  } else if (!slot) {
    stats_.swallowed_replies.add();
  } else if (element >= 0) {
    take_element(std::move(slot), reply, element);
  } else {
    slot.complete(reply);
  }
}

void Lane::count_success(const Entry& entry) {
  successes_ += entry.generation == health_.generation();
  if (entry.attempts > 0) stats_.retries[RetryOutcome::succeeded].add();
}

/// Redis has not executed the request: it may have to be sent again.
void Lane::on_rejected(const Rejection& why, Reply reply) {
  Entry& front = entries_.front();
  if (!why.hurts_health) {
    count_success(front);
  } else if (tells_health()) {
    health_.on_failure(front.generation, loop_.now());
  }
  PendingRequest request = take_entry(front, 0);
  request.error = reply.bytes;
  finish_front();
  owner_->on_lane_rejection(*this, why, std::move(request));
}

/// What the entry was, to be sent again; its bytes begin at `offset` in the buffer.
PendingRequest Lane::take_entry(Entry& entry, std::size_t offset) {
  PendingRequest request;
  request.bytes = buffer_.copy(offset, entry.bytes);
  request.slots.push_back(std::move(entry.slot));
  request.deadline = std::max(entry.deadline, entry.final_deadline);
  request.submitted = entry.submitted;
  request.command_class = entry.command_class;
  request.command = entry.command;
  request.attempts = entry.attempts;
  request.server = entry.server;
  return request;
}

void Lane::finish_front() {
  const Entry& front = entries_.front();
  stats_.duration[static_cast<std::size_t>(front.command_class)].observe(loop_.now() -
                                                                         front.submitted);
  stats_.in_flight.add(-1);
  buffer_.answered(front.bytes);
  entries_.drop();
}

void Lane::take_element(SlotHandle slot, Reply reply, int element) {
  const auto& offsets = reader_.element_offsets();
  const auto i = static_cast<std::size_t>(element);
  if (i + 1 < offsets.size()) {
    slot.complete(reply.bytes.substr(offsets[i], offsets[i + 1] - offsets[i]));
  } else {
    slot.complete(reply.bytes);
  }
}

/// Above which length the reply that comes now is handed on in parts.
std::size_t Lane::stream_above() {
  if (state_ != State::open || entries_.empty()) return 0;
  Entry& front = entries_.front();
  if (front.element >= 0) return 0;
  // A reply nobody waits for is swallowed as it comes.
  return front.slot ? front.slot.stream_threshold() : BlockPool::kOrdinary;
}

bool Lane::on_part(std::string_view part, bool last) {
  streaming_ = !last;
  if (!last) {
    Entry& front = entries_.front();
    return !front.slot || front.slot.stream(part, false);
  }
  count_success(entries_.front());
  if (watched_) owner_->on_lane_outcome(*this, entries_.front().slot.origin());
  SlotHandle slot = std::move(entries_.front().slot);
  finish_front();
  if (slot) {
    slot.stream(part, true);
  } else {
    stats_.swallowed_replies.add();
  }
  return true;
}

/// A client reads a reply longer than its output limit too slowly. The lane waits for it, for as
/// long as the client is given (it is cut after clients.stall without progress), but only while
/// nobody else waits for the lane: then the reply is buffered, or where is no room for that, given
/// up with its client.
void Lane::pause_reading() {
  if (pipe_ || entries_.size() <= 1) {
    room_timer_.set(loop_.now() + kRoomInterval);
  } else if (loop_.blocks().bytes_in_use() > buffers_) {
    entries_.front().slot.expire(Failure::full_buffers);
  }
}

void Lane::on_room_timer() {
  const bool room =
      pipe_ ? pipe_.stream({}, false)
            : entries_.empty() || !entries_.front().slot || entries_.front().slot.stream({}, false);
  if (state_ == State::ended) return;
  last_received_ = loop_.now();  // It was hawser that did not read.
  if (!room) pause_reading();
  if (!room_timer_.is_set()) socket_->wait_readable(shared_from_this());
}

void Lane::on_deadline() {
  const auto self = shared_from_this();
  if (state_ != State::open) {
    end(state_ == State::connecting ? LaneEnd::Kind::connect_failed : LaneEnd::Kind::silent,
        "ETIMEDOUT");
    return;
  }
  if (pipe_ || is_feed_) {
    if (room_timer_.is_set()) {
      timer_.set(loop_.now() + silence_);  // While a slow reader is waited for, nothing is read.
    } else {
      end(LaneEnd::Kind::silent, "no reply in time");
    }
    return;
  }
  const TimePoint now = loop_.now();
  if (!entries_.empty() && entries_.front().deadline <= now) {
    note_time_out(entries_.front().generation);
  }
  if (state_ != State::open) return;
  if (is_overdue(now)) {
    end(LaneEnd::Kind::silent, "no reply in time");
    return;
  }
  TimePoint earliest = TimePoint::max();
  for (std::size_t i = 0; i < entries_.size() && state_ == State::open; ++i) {
    Entry& entry = entries_[i];
    if (i == 0 && streaming_) {
      // Its reply is on its way; only its standing still would end it.
      earliest = std::min(earliest, now + silence_);
    } else if (entry.slot && entry.deadline <= now) {
      if (watched_) owner_->on_lane_outcome(*this, entry.slot.origin());
      entry.slot.expire(Failure::timeout, time_given(entry));
    } else if (entry.slot) {
      earliest = std::min(earliest, entry.deadline);
    }
  }
  if (state_ != State::open) return;
  if (earliest != TimePoint::max()) timer_.set(earliest);
  if (streaming_ && !room_timer_.is_set() && now - last_received_ >= silence_) {
    end(LaneEnd::Kind::silent, "a reply broke off");
    return;
  }
  if (entries_.empty() || entries_.front().slot) return;
  const TimePoint silent_at = silent_from();
  if (silent_at != TimePoint::max()) timer_.set_no_later_than(silent_at);
}

/// When the lane has been silent for so long, with its oldest request overdue, that the peer must
/// hang, or be gone.
TimePoint Lane::silent_from() const {
  const Entry& front = entries_.front();
  if (front.deadline == TimePoint::max()) return front.deadline;
  return std::max(front.deadline, std::max(last_received_, front.submitted) + silence_);
}

bool Lane::is_overdue(TimePoint now) const {
  return !streaming_ && !entries_.empty() && silent_from() <= now;
}

/// Milliseconds.
std::int64_t Lane::time_given(const Entry& entry) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(entry.deadline - entry.submitted)
      .count();
}

/// One for all that is overdue, until something comes again.
void Lane::note_time_out(Breaker::Generation generation) {
  if (time_out_counted_ || !tells_health()) return;
  time_out_counted_ = true;
  health_.on_time_out(generation, loop_.now());
}

}  // namespace hawser
