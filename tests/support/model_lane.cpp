#include "tests/support/model_lane.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace hawser::test {

namespace {

constexpr std::size_t kScratch = std::size_t{64} << 10;

}  // namespace

ModelLane::ModelLane(const Parts& parts, std::uint64_t connection)
    : parts_(parts),
      connection_(connection),
      scratch_(std::make_unique<char[]>(kScratch)),
      reader_({}, parts.pool, scratch_.get(), kScratch),
      buffer_(parts.pool) {}

/// Mostly few bytes, so that cuts fall everywhere; sometimes all of a long reply.
std::size_t ModelLane::some(std::size_t most) {
  const std::size_t wanted = parts_.random() % 3 == 0 ? kScratch : 1 + parts_.random() % 100;
  return std::min(most, wanted);
}

void ModelLane::submit(ModelEntry entry) {
  parts_.checker.on_put_on_lane(entry.bytes);
  if (parts_.fault == Fault::forget_request && parts_.random() % 50 == 0) entry.slot.abandon();
  buffer_.append(entry.bytes);
  entries_.push({std::move(entry.slot), entry.client, entry.deadline, entry.bytes.size()});
}

void ModelLane::send_ahead(std::string_view bytes) {
  parts_.checker.on_put_on_lane(bytes);
  buffer_.append(bytes);
}

void ModelLane::write() {
  if (buffer_.unsent() == 0) return;
  std::size_t left = some(buffer_.unsent());
  if (left < buffer_.unsent()) ++parts_.seen.partial_writes;
  std::string& wire = parts_.redis.connection(connection_).input;
  while (left > 0) {
    std::array<iovec, 4> pieces;
    const int count = buffer_.describe_unsent(pieces.data(), static_cast<int>(pieces.size()));
    if (count == 0) return;
    const std::size_t n = std::min(left, pieces[0].iov_len);
    wire.append(static_cast<const char*>(pieces[0].iov_base), n);
    buffer_.written(n);
    left -= n;
  }
}

bool ModelLane::read(TimePoint now) {
  std::string& wire = parts_.redis.connection(connection_).output;
  if (wire.empty()) return !parts_.redis.connection(connection_).closed;
  const ReplyReader::Space space = reader_.prepare();
  const std::size_t n = std::min(some(wire.size()), space.room);
  std::memcpy(space.data, wire.data(), n);
  wire.erase(0, n);
  last_received_ = now;
  reader_.commit(n);
  const bool goes_on = drain();
  // The scratch memory is another connection's now.
  std::memset(scratch_.get(), '#', std::min(kScratch, n + 512));
  return goes_on;
}

bool ModelLane::drain() {
  while (true) {
    std::size_t stream_above = 0;
    if (!entries_.empty()) {
      const SlotHandle& slot = entries_.front().slot;
      stream_above = slot ? slot.stream_threshold() : BlockPool::kOrdinary;
    }
    switch (reader_.next(stream_above)) {
      case ReplyReader::Event::need_more:
        return true;
      case ReplyReader::Event::error:
        return false;
      case ReplyReader::Event::push:
        ++parts_.seen.pushes;
        if (parts_.fault == Fault::reply_to_push && !on_reply(reader_.reply())) return false;
        break;
      case ReplyReader::Event::reply:
        if (!on_reply(reader_.reply())) return false;
        break;
      case ReplyReader::Event::part:
        on_part(false);
        break;
      case ReplyReader::Event::last_part:
        on_part(true);
        break;
    }
  }
}

bool ModelLane::on_reply(Reply reply) {
  if (entries_.empty() || buffer_.written_unanswered() < entries_.front().size) return false;
  Entry entry = entries_.pop();
  buffer_.answered(entry.size);
  if (entry.slot) {
    entry.slot.complete(reply);
  } else {
    ++parts_.seen.swallowed;
  }
  return true;
}

void ModelLane::on_part(bool last) {
  ++parts_.seen.parts;
  // The model's clients read as fast as they are sent to: there always is room.
  if (!last) {
    SlotHandle& slot = entries_.front().slot;
    if (slot) slot.stream(reader_.part(), false);
    return;
  }
  Entry entry = entries_.pop();
  buffer_.answered(entry.size);
  if (entry.slot) {
    entry.slot.stream(reader_.part(), true);
  } else {
    ++parts_.seen.swallowed;
  }
}

bool ModelLane::expire(TimePoint now) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (!entry.slot || entry.deadline > now) continue;
    ++parts_.seen.time_outs;
    SlotHandle slot = std::move(entry.slot);
    if (parts_.fault == Fault::invent_ok) {
      slot.complete("+OK\r\n");
    } else {
      slot.fail(Failure::timeout, parts_.time_out.count());
    }
  }
  if (parts_.fault == Fault::drop_slot_on_timeout) drop_entries(now, 0);
  if (entries_.empty() || entries_.front().slot || entries_.front().deadline > now) return true;
  const TimePoint submitted = entries_.front().deadline - parts_.time_out;
  return now - std::max(last_received_, submitted) < 2 * parts_.time_out;
}

void ModelLane::drop_client(std::uint64_t client) {
  if (parts_.fault == Fault::drop_slot_on_departure) drop_entries(TimePoint::min(), client);
}

/// What the faults do that drop a request whose reply is yet to come.
void ModelLane::drop_entries(TimePoint overdue_at, std::uint64_t client) {
  for (std::size_t left = entries_.size(); left > 0; --left) {
    Entry entry = entries_.pop();
    if (entry.deadline > overdue_at && entry.client != client) entries_.push(std::move(entry));
  }
}

ModelLane::End ModelLane::end() {
  End out;
  std::size_t offset = 0;
  const std::size_t written = buffer_.written_unanswered();
  while (!entries_.empty()) {
    Entry entry = entries_.pop();
    const bool sent = offset < written;
    const bool again = sent && parts_.fault == Fault::resend_after_loss;
    out.left_unanswered = out.left_unanswered || sent;
    if (entry.slot && (!sent || again)) {
      out.unsent.push_back(
          {std::move(entry.slot), entry.client, entry.deadline, buffer_.copy(offset, entry.size)});
    } else if (entry.slot) {
      out.lost.push_back(std::move(entry.slot));
    }
    offset += entry.size;
  }
  buffer_.clear();
  return out;
}

}  // namespace hawser::test
