#include <algorithm>
#include <unordered_set>

#include "proxy/upstream/lane.hpp"

// How a lane ends: what was written and what was not is told apart, and everybody is answered.

namespace hawser {

void Lane::close() {
  const auto self = shared_from_this();
  end(LaneEnd::Kind::closed, "closed");
}

void Lane::give_up(std::string reason) {
  const auto self = shared_from_this();
  end(LaneEnd::Kind::lost, std::move(reason));
}

void Lane::end(LaneEnd::Kind kind, std::string reason) {
  if (state_ == State::ended) return;
  const auto self = shared_from_this();
  LaneEnd result;
  result.kind = kind;
  result.reason = std::move(reason);
  result.reply = std::move(handshake_error_);
  result.at_select = at_select_;
  result.connection = connection_;
  if (state_ != State::connecting) stats_.connections[static_cast<std::size_t>(role_)].add(-1);
  const bool was_open = state_ == State::open;
  result.was_open = was_open;
  state_ = State::ended;
  timer_.cancel();
  room_timer_.cancel();
  connector_.reset();
  if (socket_ != nullptr) socket_->close();
  loop_.withdraw(*this);

  const bool is_loss = kind == LaneEnd::Kind::lost || kind == LaneEnd::Kind::protocol_error;
  if (was_open && is_loss && tells_health()) {
    health_.on_failure(health_.generation(), loop_.now());
  }
  // A request of which no byte was written was not executed; every other one may have been.
  const std::size_t written = was_open ? buffer_.written_unanswered() : 0;
  std::vector<SlotHandle> not_sent;
  std::vector<Entry> sent;
  std::size_t offset = 0;
  while (!entries_.empty() && offset < written) {
    offset += entries_.front().bytes;
    sent.push_back(entries_.pop());
    stats_.in_flight.add(-1);
  }
  // A block's bytes stand at its last entry: the last one written in part belongs to the sent ones.
  while (!sent.empty() && sent.back().bytes == 0 && !entries_.empty()) {
    offset += entries_.front().bytes;
    sent.push_back(entries_.pop());
    stats_.in_flight.add(-1);
  }
  result.left_unanswered = !sent.empty();
  while (!entries_.empty()) {
    std::vector<Entry> block;
    do {
      block.push_back(entries_.pop());
      stats_.in_flight.add(-1);
    } while (block.back().bytes == 0 && !entries_.empty());
    Entry& last = block.back();
    if (!last.slot || last.element >= 0) {
      for (Entry& entry : block) not_sent.push_back(std::move(entry.slot));
    } else {
      PendingRequest request = take_entry(last, offset);
      SlotHandle slot = std::move(request.slots.back());
      request.slots.clear();
      block.pop_back();
      for (Entry& entry : block) request.slots.push_back(std::move(entry.slot));
      request.slots.push_back(std::move(slot));
      if (request.attempts > 0 && request.effect() == Effect::read) request.failure = Failure::lost;
      offset += request.bytes.size();
      result.unsent.push_back(std::move(request));
      continue;
    }
    offset += last.bytes;
  }
  const auto unsettled = std::make_shared<std::vector<SlotHandle>>();
  take_lost_reads(sent, result);
  struct Owed {
    std::size_t place;
    std::int64_t time_out;  ///< In ms; 0: it was still in time.
  };
  std::vector<Owed> owed;
  for (Entry& entry : sent) {
    if (entry.slot) {
      owed.push_back({unsettled->size(), entry.deadline <= loop_.now() ? time_given(entry) : 0});
    }
    unsettled->push_back(std::move(entry.slot));
  }
  buffer_.clear();
  // The owner puts the unsent ones back in line before any client hears of the loss and goes on.
  result.unsettled = unsettled;
  owner_->on_lane_end(*this, std::move(result));
  for (const Owed& each : owed) {
    SlotHandle& slot = (*unsettled)[each.place];
    if (!slot) continue;
    slot.expire(each.time_out > 0 ? Failure::timeout : Failure::lost, each.time_out);
  }
  for (SlotHandle& slot : not_sent) {
    if (slot) slot.fail(Failure::down);
  }
  if (pipe_) pipe_.fail(Failure::lost);
}

/// From the written entries takes those that may be sent again: of each client the reads behind
/// which nothing was written that may have changed anything.
void Lane::take_lost_reads(std::vector<Entry>& sent, LaneEnd& result) {
  std::unordered_set<const ReplySink*> closed;  // Clients of whom no earlier one may be taken.
  std::size_t offset = 0;
  for (const Entry& entry : sent) offset += entry.bytes;
  for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
    offset -= it->bytes;
    const ReplySink* origin = it->slot.origin();
    const bool is_broken = streaming_ && std::next(it) == sent.rend();
    if (it->slot && effect_of(it->command) == Effect::read && !is_broken &&
        !closed.contains(origin)) {
      const bool in_time = it->deadline > loop_.now();
      const std::int64_t time = time_given(*it);
      result.lost_reads.push_back(take_entry(*it, offset));
      result.lost_reads.back().failure = in_time ? Failure::lost : Failure::timeout;
      result.lost_reads.back().failure_number = in_time ? 0 : time;
    } else if (origin != nullptr) {
      closed.insert(origin);
    }
  }
  std::reverse(result.lost_reads.begin(), result.lost_reads.end());
}

}  // namespace hawser
