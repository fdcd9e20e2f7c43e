#include "proxy/downstream/client_session.hpp"

#include <algorithm>
#include <array>

#include "protocol/reply_writer.hpp"
#include "proxy/downstream/client_registry.hpp"
#include "proxy/traffic/blocking_time.hpp"

namespace hawser {

namespace {

/// A client with so many reply bytes unread is not read from until it has taken some.
constexpr std::size_t kBackpressure = std::size_t{1} << 20;
/// Reply bytes that one client's requests may bring at a time: others wait for them on the same
/// connection.
constexpr std::size_t kMostExpected = std::size_t{8} << 20;
/// How much is read ahead while no request may be dispatched, so as to notice a client that leaves.
constexpr std::size_t kReadAhead = std::size_t{64} << 10;
constexpr int kPieces = 64;
/// How often a client that is not read from is looked at.
constexpr auto kHangUpInterval = std::chrono::milliseconds(100);
/// How long a refused client may go on sending before it is closed.
constexpr auto kLinger = std::chrono::seconds(1);

}  // namespace

/// Input that has not been dispatched yet: a request that has not arrived whole, or that has to
/// wait, and whatever follows it.
struct ClientSession::Rest {
  explicit Rest(const protocol::Limits& limits) : parser(limits) {}
  BlockPtr block;
  protocol::RequestParser parser;
  TimePoint arrived{};      ///< When its first request was complete, if it is.
  bool incomplete = false;  ///< The parser stands within a request.
  /// While only requests already answered, but not settled, hold it: its own deadline.
  std::unique_ptr<Timer> overdue;
};

ClientSession::ClientSession(DownstreamParts& parts, std::uint64_t id, int descriptor,
                             DownstreamStats::Listener& listener)
    : Client(id),
      parts_(parts),
      socket_(parts.loop, descriptor),
      listener_(listener),
      replies_(new ReplyQueue(*this, parts.replies)),
      connected_at_(parts.loop.now()),
      last_request_(parts.loop.now()) {
  set_context({.database = parts.home_database});
  listener_.connections.add(1);
}

ClientSession::~ClientSession() {
  parts_.loop.withdraw(*this);
  replies_->detach();
}

void ClientSession::start() {
  read_on();
}

/// The one predicate for back-pressure: whether the next request may be dispatched now.
bool ClientSession::may_dispatch() const {
  return !paused_ && !held_ && !closing_ && !closed_ &&
         replies_->size() < parts_.settings.clients.pipeline &&
         replies_->backlog() < kBackpressure && replies_->expected() < kMostExpected;
}

bool ClientSession::wants_input() const {
  if (closing_ || closed_ || input_ended_ || replies_->backlog() >= kBackpressure) return false;
  return may_dispatch() || rest_ == nullptr || rest_->block->size() < kReadAhead;
}

void ClientSession::read_on() {
  if (closed_ || closing_ || reading_) return;
  if (!wants_input()) {
    // Where it waits with a connection of its own it must not leave unnoticed, whatever it has sent
    // ahead.
    if (!outlives_input() && hang_up_timer_ == nullptr) watch_hang_up();
    return;
  }
  hang_up_timer_.reset();
  reading_ = true;
  socket_.wait_readable(std::static_pointer_cast<ClientSession>(shared_from_this()));
}

void ClientSession::watch_hang_up() {
  hang_up_timer_ = std::make_unique<Timer>(parts_.loop, [this] {
    if (socket_.peer_has_ended()) {
      close();
      return;
    }
    hang_up_timer_->set(parts_.loop.now() + kHangUpInterval);
  });
  hang_up_timer_->set(parts_.loop.now() + kHangUpInterval);
}

void ClientSession::on_readable() {
  reading_ = false;
  if (closing_ && lingers_ && stall_timer_ != nullptr) discard_input();
  if (closing_ || closed_) return;
  if (rest_ == nullptr && may_dispatch()) {
    read_scratch();
  } else {
    read_rest();
  }
}

/// The common case: whole requests, parsed where they were received.
void ClientSession::read_scratch() {
  const IoResult result = socket_.receive(parts_.loop.scratch(), Loop::kScratchBytes);
  if (result.status == IoResult::Status::ok) {
    parts_.stats.received_bytes.add(result.bytes);
    const std::string_view input(parts_.loop.scratch(), result.bytes);
    const std::size_t used = run(parts_.parser, input, nullptr, parts_.loop.now());
    if (closed_ || closing_) {
      parts_.parser.reset();
      return;
    }
    if (used < input.size()) keep(input.substr(used));
  } else if (result.status != IoResult::Status::blocked) {
    on_peer_gone(result.status == IoResult::Status::ended);
    return;
  }
  read_on();
}

void ClientSession::keep(std::string_view rest) {
  rest_ = std::make_unique<Rest>(parts_.limits);
  rest_->block = parts_.loop.blocks().take(rest.size());
  rest_->block->append(rest);
  rest_->arrived = parts_.loop.now();
  rest_->incomplete = may_dispatch();
  own_wait_ = own_wait_ || replies_->backlog() >= kBackpressure;
  if (rest_->incomplete) std::swap(rest_->parser, parts_.parser);
  parts_.parser.reset();
  watch_hold();
  (void)fits();
}

void ClientSession::read_rest() {
  if (rest_ == nullptr) {
    rest_ = std::make_unique<Rest>(parts_.limits);
    rest_->block = parts_.loop.blocks().take();
    rest_->arrived = parts_.loop.now();
  }
  if (!make_room()) return;
  const std::size_t missing = rest_->incomplete ? rest_->parser.bytes_missing() : 0;
  Block& block = *rest_->block;
  // Inside a long argument exactly its end is read, so that the block holds one request.
  const std::size_t room =
      missing > BlockPool::kOrdinary ? std::min(missing, block.room()) : block.room();
  const IoResult result = socket_.receive(block.space(), room);
  if (result.status == IoResult::Status::ok) {
    parts_.stats.received_bytes.add(result.bytes);
    block.commit(result.bytes);
    if (rest_->incomplete) rest_->arrived = parts_.loop.now();
    advance();
  } else if (result.status != IoResult::Status::blocked) {
    on_peer_gone(result.status == IoResult::Status::ended);
    return;
  }
  read_on();
}

/// Whether the request that is arriving keeps to its limit; otherwise the client is refused, before
/// the rest of it is stored.
bool ClientSession::fits() {
  if (closing_ || closed_ || rest_ == nullptr || !rest_->incomplete) return true;
  if (rest_->block->size() + rest_->parser.bytes_missing() <=
      parts_.settings.clients.request_limit) {
    return true;
  }
  refuse(Failure::full_request);
  return false;
}

/// Returns false if the client was refused more room. Memory grows with what has really come, not
/// with what a length line promises.
bool ClientSession::make_room() {
  const std::size_t missing = rest_->incomplete ? rest_->parser.bytes_missing() : 1;
  const std::size_t size = rest_->block->size();
  if (rest_->block->room() >= std::min(missing, kReadAhead)) return true;
  // By half at least: a request of many short arguments would be copied again for each of them.
  const std::size_t wanted =
      size + std::max(std::min(missing, std::max(3 * size, 4 * kReadAhead)), size / 2);
  if (parts_.loop.blocks().bytes_in_use() + wanted > parts_.settings.buffers.max_bytes) {
    refuse(Failure::full_buffers);
    return false;
  }
  BlockPtr larger = parts_.loop.blocks().take(wanted);
  larger->append(rest_->block->view());
  rest_->block = std::move(larger);
  return true;
}

/// Dispatches what waits in the rest, as far as it may be.
void ClientSession::advance() {
  if (processing_ || rest_ == nullptr || !may_dispatch()) return;
  const std::size_t used = run(rest_->parser, rest_->block->view(), &rest_->block, rest_->arrived);
  if (closed_ || closing_) return;
  // A lane may have taken the block over, with the one request it held.
  if (rest_->block == nullptr || used == rest_->block->size()) {
    rest_.reset();
    return;
  }
  rest_->block->consume(used);
  rest_->incomplete = may_dispatch();
  own_wait_ = own_wait_ || replies_->backlog() >= kBackpressure;
  if (!rest_->incomplete) rest_->parser.reset();
  watch_hold();
  (void)fits();
}

/// Dispatches requests from the front of `input`; returns how many bytes are done with.
std::size_t ClientSession::run(protocol::RequestParser& parser, std::string_view input,
                               BlockPtr* block, TimePoint arrived) {
  using Status = protocol::RequestParser::Status;
  processing_ = true;
  std::size_t used = 0;
  while (used < input.size() && may_dispatch()) {
    const Status status = parser.parse(input.substr(used));
    if (status == Status::incomplete) break;
    if (status == Status::error) {
      parts_.stats.protocol_errors.add();
      std::string reply;
      protocol::ReplyWriter(reply, context().resp).error("ERR " + std::string(parser.error()));
      answer_and_close(reply);
      break;
    }
    const std::size_t consumed = parser.consumed();
    if (status == Status::complete) {
      Request request{.raw = parser.raw(),
                      .base = parser.base(),
                      .args = parser.args(),
                      .canonical = parser.canonical(),
                      .arrived = arrived,
                      .following = input.substr(used + consumed),
                      .block = block != nullptr && used == 0 && consumed == input.size() &&
                                       consumed > BlockPool::kOrdinary
                                   ? block
                                   : nullptr};
      if (parts_.dispatcher.dispatch(*this, request) == Taken::later && !give_up(request)) {
        held_ = true;
        break;
      }
      last_command_ = request.command;
      // It has ended its side already: nobody would notice that it does not wait any more, and an
      // element would be popped for nobody. Nothing was written of the request yet.
      if (input_ended_ && !outlives_input()) close();
    }
    used += consumed;
  }
  if (used > 0) last_request_ = parts_.loop.now();
  processing_ = false;
  return used;
}

/// For a request that may not be sent yet. Behind the client's own requests it waits until they are
/// answered, behind those that may still be executed until its own deadline: returns whether it was
/// answered for that.
bool ClientSession::give_up(const Request& request) {
  if (unanswered() > 0) {
    own_wait_ = own_wait_ || !outlives_input();  // Behind its own blocking command.
    return false;
  }
  // That is what the pause is for; the request's time begins behind it.
  if (parts_.dispatcher.is_paused(request)) {
    own_wait_ = true;
    held_until_ = TimePoint::max();
    return false;
  }
  // A blocking command waits as long as it would have waited for an element.
  const auto own_end = blocking_deadline(request, request.arrived, {});
  const TimePoint end = own_end.value_or(request.arrived + parts_.settings.timeout.total);
  if (parts_.loop.now() < end) {
    held_until_ = end;
    return false;
  }
  open_slot(request).fail(Failure::down);
  return true;
}

void ClientSession::watch_hold() {
  if (!held_ || unanswered() > 0) {
    if (rest_ != nullptr) rest_->overdue.reset();
    return;
  }
  if (rest_->overdue == nullptr) {
    rest_->overdue = std::make_unique<Timer>(parts_.loop, [this] { on_replies_ready(); });
  }
  if (held_until_ != TimePoint::max()) rest_->overdue->set(held_until_);
}

SlotHandle ClientSession::open_slot(const Request& request) {
  if (is_captured()) return {*captured_by(), 0};
  const bool muted = reply_mode_ != ReplyMode::on;
  if (reply_mode_ == ReplyMode::skip) reply_mode_ = ReplyMode::on;
  return replies_->open(request, muted);
}

std::string ClientSession::peer() const {
  return is_local() ? local_address() : socket_.peer_name();
}

std::string ClientSession::local_address() const {
  return is_local() ? listener_.path + ":0" : socket_.local_name();
}

std::size_t ClientSession::queued_input() const {
  return rest_ != nullptr && rest_->block != nullptr ? rest_->block->size() : 0;
}

void ClientSession::forget_state() {
  set_context({.database = parts_.home_database});
  set_name({});
  set_own_handler(nullptr);
  set_subscriptions(nullptr);
  reply_mode_ = ReplyMode::on;
}

bool ClientSession::push(std::string_view bytes) {
  if (closed_) return true;
  replies_->push(bytes);
  parts_.loop.at_turn_end(*this);
  return replies_->backlog() < kBackpressure;
}

bool ClientSession::push(const std::shared_ptr<Block>& source, std::string_view part) {
  if (closed_) return true;
  replies_->push(source, part);
  parts_.loop.at_turn_end(*this);
  return replies_->backlog() < kBackpressure;
}

void ClientSession::on_replies_ready() {
  parts_.loop.at_turn_end(*this);
}

void ClientSession::on_turn_end() {
  if (closed_) return;
  const auto self = shared_from_this();
  if (!write_blocked_ && !flush()) return;
  if (held_ && unanswered() == 0) held_ = false;
  if (own_wait_ && may_dispatch()) {
    // What the client itself held up had no chance to run: its time begins now.
    own_wait_ = false;
    if (rest_ != nullptr) rest_->arrived = parts_.loop.now();
  }
  advance();
  if (closed_) return;
  if (input_ended_ && !closing_ && (rest_ == nullptr || rest_->incomplete)) close_after_replies();
  read_on();
  check_output();
}

void ClientSession::on_writable() {
  write_blocked_ = false;
  on_turn_end();
}

/// Writes what is ready; returns false if the client is gone.
bool ClientSession::flush() {
  ByteChain& output = replies_->output();
  while (!output.empty()) {
    std::array<iovec, kPieces> pieces;
    const int count = output.describe(pieces.data(), kPieces);
    const IoResult result = socket_.send(pieces.data(), count);
    if (result.status == IoResult::Status::failed) {
      close();
      return false;
    }
    if (result.status == IoResult::Status::blocked) {
      write_blocked_ = true;
      socket_.wait_writable(std::static_pointer_cast<ClientSession>(shared_from_this()));
      return true;
    }
    parts_.stats.sent_bytes.add(result.bytes);
    taken_ += result.bytes;
    output.consume(result.bytes);
  }
  if (closing_ && replies_->size() == 0) {
    finish();
    return false;
  }
  return true;
}

std::size_t ClientSession::write_through(std::string_view bytes) {
  if (closed_ || write_blocked_ || replies_->output().size() > BlockPool::kOrdinary) return 0;
  std::array<iovec, 4> pieces;
  int count = replies_->output().describe(pieces.data(), 3);
  const std::size_t ahead = replies_->output().size();
  pieces[static_cast<std::size_t>(count++)] = {const_cast<char*>(bytes.data()), bytes.size()};
  const IoResult result = socket_.send(pieces.data(), count);
  // A failure shows again at the next write, from where the client can be closed.
  if (result.status != IoResult::Status::ok) return 0;
  parts_.stats.sent_bytes.add(result.bytes);
  taken_ += result.bytes;
  replies_->output().consume(std::min(result.bytes, ahead));
  return result.bytes > ahead ? result.bytes - ahead : 0;
}

/// Cuts a client that does not read its replies. One reply that is longer than the limit by itself
/// is handed on at the client's pace, as long as it takes some of it.
void ClientSession::check_output() {
  const std::size_t queued = replies_->output().size();
  if (queued <= parts_.settings.clients.output_limit) {
    if (stall_timer_ != nullptr) stall_timer_.reset();
    return;
  }
  if (replies_->counted() > parts_.settings.clients.output_limit) {
    parts_.stats.output_limit_closes.add();
    abort("clients.output_limit reached");
    return;
  }
  if (stall_timer_ != nullptr) return;
  taken_ = 0;
  stall_timer_ = std::make_unique<Timer>(parts_.loop, [this] {
    if (taken_ == 0) {
      parts_.stats.output_limit_closes.add();
      abort("clients.output_limit reached");
      return;
    }
    taken_ = 0;
    stall_timer_->set(parts_.loop.now() + parts_.settings.clients.stall);
  });
  stall_timer_->set(parts_.loop.now() + parts_.settings.clients.stall);
}

void ClientSession::refuse(Failure failure) {
  parts_.stats.failures[static_cast<std::size_t>(failure)].add();
  answer_and_close(failure_reply(failure));
}

/// For input that makes no request: the error comes behind the replies owed so far.
void ClientSession::answer_and_close(std::string_view error) {
  if (is_piped()) {
    abort("malformed input on a streaming connection");
    return;
  }
  Request none;
  none.arrived = parts_.loop.now();
  replies_->open(none, reply_mode_ != ReplyMode::on).complete(error);
  lingers_ = true;
  close_after_replies();
}

/// Everything is written. A client that is refused in the middle of sending would lose the error
/// to a reset if its connection were closed now: it may first send to the end, for a moment.
void ClientSession::finish() {
  if (!lingers_) {
    close();
    return;
  }
  if (stall_timer_ != nullptr && reading_) return;
  socket_.shutdown_send();
  stall_timer_ = std::make_unique<Timer>(parts_.loop, [this] { close(); });
  stall_timer_->set(parts_.loop.now() + kLinger);
  reading_ = true;
  socket_.wait_readable(std::static_pointer_cast<ClientSession>(shared_from_this()));
}

void ClientSession::discard_input() {
  const IoResult result = socket_.receive(parts_.loop.scratch(), Loop::kScratchBytes);
  if (result.status == IoResult::Status::ended || result.status == IoResult::Status::failed) {
    close();
    return;
  }
  reading_ = true;
  socket_.wait_readable(std::static_pointer_cast<ClientSession>(shared_from_this()));
}

/// The client has ended its side. What it asked before is still answered, as far as it reads; but
/// a connection of its own is closed at once, so that nothing is popped for nobody.
void ClientSession::on_peer_gone(bool may_still_read) {
  set_ended_input();
  const bool waits = unanswered() > 0 || !replies_->output().empty();
  if (may_still_read && outlives_input() && rest_ != nullptr && !rest_->incomplete) {
    input_ended_ = true;  // Whole requests have come that may not be dispatched yet.
  } else if (may_still_read && outlives_input() && waits) {
    close_after_replies();
  } else {
    close();
  }
}

void ClientSession::close_after_replies() {
  closing_ = true;
  parts_.loop.at_turn_end(*this);
}

void ClientSession::drain() {
  if (own_handler() != nullptr || is_subscribed()) {
    close();
  } else {
    close_after_replies();
  }
}

void ClientSession::abort(std::string_view reason) {
  if (closed_) return;
  parts_.log.debug("client closed", {{"client", id()}, {"reason", reason}});
  close();
}

void ClientSession::close() {
  if (closed_) return;
  const auto self = shared_from_this();
  closed_ = true;
  listener_.connections.add(-1);
  socket_.close();
  stall_timer_.reset();
  hang_up_timer_.reset();
  set_own_handler(nullptr);
  set_subscriptions(nullptr);
  replies_->detach();
  parts_.loop.withdraw(*this);
  parts_.registry.remove(id());
}

}  // namespace hawser
