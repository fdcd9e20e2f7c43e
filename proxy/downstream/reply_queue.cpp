#include "proxy/downstream/reply_queue.hpp"

namespace hawser {

namespace {

/// Of one reply, in the mean of their sizes.
constexpr std::size_t kMostNoted = std::size_t{1} << 30;

}  // namespace

ReplyQueue::ReplyQueue(ReplyQueueOwner& owner, const Parts& parts)
    : owner_(&owner), parts_(parts), output_(parts.blocks) {}

SlotHandle ReplyQueue::open(const Request& request, bool muted) {
  const protocol::Command* command = request.command;
  const auto number = static_cast<std::uint32_t>(front_ + slots_.size());
  slots_.push({request.arrived,
               {},
               command != nullptr ? command->index
                                  : static_cast<std::uint16_t>(parts_.stats.commands.size() - 1),
               command != nullptr ? command->command_class : protocol::CommandClass::write,
               muted,
               false});
  ++unanswered_;
  return {*this, number};
}

void ReplyQueue::detach() {
  owner_ = nullptr;
  output_.clear();
  deferred_.reset();
}

/// Where pushed bytes go: not into the middle of a reply.
ByteChain& ReplyQueue::pushed() {
  if (!streaming_) return output_;
  if (deferred_ == nullptr) deferred_ = std::make_unique<ByteChain>(parts_.blocks);
  return *deferred_;
}

void ReplyQueue::push(std::string_view bytes) {
  behind_long_ += bytes.size();
  pushed().append(bytes);
}

void ReplyQueue::push(const std::shared_ptr<Block>& source, std::string_view part) {
  behind_long_ += part.size();
  pushed().append(source, part);
}

void ReplyQueue::count(const Slot& slot) {
  parts_.stats.commands[slot.command].add();
  parts_.stats.duration[static_cast<std::size_t>(slot.command_class)].observe(parts_.clock.now -
                                                                              slot.arrived);
}

void ReplyQueue::note_size(std::size_t bytes) {
  usual_size_ += static_cast<std::uint32_t>(std::min(bytes, kMostNoted) / 8) - usual_size_ / 8;
  if (bytes > parts_.limits.output) {
    if (after_long_ == 0 && owner_ != nullptr) owner_->on_long_replies(true);
    after_long_ = kLongRemembered;
  } else if (after_long_ > 0 && --after_long_ == 0 && owner_ != nullptr) {
    owner_->on_long_replies(false);
  }
}

void ReplyQueue::on_reply(std::uint32_t slot, Reply reply) {
  if (!reply.bytes.empty() && reply.bytes.front() == '-') parts_.stats.upstream_errors.add();
  answer(slot, reply);
}

void ReplyQueue::on_failure(std::uint32_t slot, Failure failure, std::int64_t number) {
  parts_.stats.failures[static_cast<std::size_t>(failure)].add();
  if (streaming_ && slot == front_) {
    // Half of the reply is with the client: nothing can be said in its place.
    streaming_ = false;
    --unanswered_;
    if (owner_ != nullptr) owner_->on_reply_broken();
    return;
  }
  answer(slot, {failure_reply(failure, number)});
}

void ReplyQueue::on_expiry(std::uint32_t slot, Failure failure, std::int64_t number) {
  ++expired_;
  on_failure(slot, failure, number);
}

void ReplyQueue::on_settled() {
  --expired_;
  if (expired_ == 0 && owner_ != nullptr) owner_->on_replies_ready();
}

void ReplyQueue::answer(std::uint32_t number, Reply reply) {
  --unanswered_;
  if (owner_ == nullptr) return;
  Slot& slot = slots_[number - front_];
  count(slot);
  note_size(reply.bytes.size());
  if (number != front_) {
    slot.early = std::make_unique<std::string>(reply.bytes);
    early_bytes_ += reply.bytes.size();
    slot.answered = true;
    return;
  }
  release(slot, reply);
  slots_.drop();
  ++front_;
  release_ready();
  owner_->on_replies_ready();
}

void ReplyQueue::release(Slot& slot, Reply reply) {
  if (slot.muted) return;
  behind_long_ += reply.bytes.size();
  if (reply.bytes.size() < kWriteThrough) {
    output_.append(reply.bytes);
    return;
  }
  if (reply.block != nullptr) {
    output_.append(std::move(*reply.block));
    return;
  }
  output_.append(reply.bytes.substr(owner_->write_through(reply.bytes)));
}

void ReplyQueue::release_ready() {
  while (!slots_.empty() && slots_.front().answered) {
    const auto early = std::move(slots_.front().early);
    early_bytes_ -= early->size();
    release(slots_.front(), {*early});
    slots_.drop();
    ++front_;
  }
}

std::size_t ReplyQueue::stream_threshold(std::uint32_t slot) const {
  if (owner_ == nullptr) return BlockPool::kOrdinary;  // Swallowed as it comes.
  return slot == front_ ? parts_.limits.stream_above : 0;
}

bool ReplyQueue::on_part(std::uint32_t number, std::string_view part, bool last) {
  if (owner_ == nullptr) {
    if (last) --unanswered_;
    return true;
  }
  if (!streaming_) {
    streamed_ = 0;
    excused_ = false;
  }
  streaming_ = true;
  streamed_ += part.size();
  behind_long_ += part.size();
  Slot& slot = slots_[number - front_];
  if (!slot.muted && !part.empty()) output_.append(part.substr(owner_->write_through(part)));
  // Of one such reply at a time the bytes do not count.
  const bool is_long = streamed_ > parts_.limits.output;
  if (is_long && output_.size() <= behind_long_) excused_ = true;
  if (excused_) behind_long_ = 0;
  if (last) {
    --unanswered_;
    count(slot);
    note_size(streamed_);
    slots_.drop();
    ++front_;
    if (deferred_ != nullptr) {
      output_.splice(*deferred_);
      deferred_.reset();
    }
    release_ready();
    streaming_ = false;
  }
  const bool has_room = !is_long || output_.size() <= parts_.limits.output;
  owner_->on_replies_ready();
  return has_room;
}

}  // namespace hawser
