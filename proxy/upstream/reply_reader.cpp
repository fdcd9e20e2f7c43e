#include "proxy/upstream/reply_reader.hpp"

#include <algorithm>
#include <cstring>

namespace hawser {

ReplyReader::ReplyReader(const protocol::Limits& limits, BlockPool& pool, char* scratch,
                         std::size_t scratch_bytes)
    : framer_(limits), pool_(pool), scratch_(scratch), scratch_bytes_(scratch_bytes) {}

ReplyReader::Space ReplyReader::prepare() {
  owns_whole_ = false;
  if (block_ == nullptr) {
    unread_ = {scratch_, 0};
    return {scratch_, scratch_bytes_};
  }
  const std::size_t missing = framer_.bytes_missing();
  if (block_->size() + missing <= kDirect) {
    // A small rest: join it with what comes in the scratch memory.
    std::memcpy(scratch_, block_->data(), block_->size());
    unread_ = {scratch_, block_->size()};
    block_.reset();
    return {scratch_ + unread_.size(), scratch_bytes_ - unread_.size()};
  }
  const std::size_t want = std::max(missing, kDirect);
  if (block_->room() < want) {
    BlockPtr larger = pool_.take(block_->size() + std::max(want, block_->size()));
    larger->append(block_->view());
    block_ = std::move(larger);
  }
  unread_ = block_->view();
  // Inside a long string exactly its end is read, so that the block holds one reply and no more.
  return {block_->space(), missing >= kDirect ? missing : block_->room()};
}

void ReplyReader::commit(std::size_t n) {
  if (block_ != nullptr) {
    block_->commit(n);
    unread_ = block_->view();
  } else {
    unread_ = {unread_.data(), unread_.size() + n};
  }
}

ReplyReader::Event ReplyReader::next(std::size_t stream_above) {
  owns_whole_ = false;
  const auto status = framer_.feed(unread_.substr(scanned_));
  scanned_ += framer_.consumed();
  switch (status) {
    case protocol::ReplyFramer::Status::error:
      return Event::error;
    case protocol::ReplyFramer::Status::complete:
      owns_whole_ = block_ != nullptr && !streaming_ && scanned_ == block_->size();
      if (streaming_) {
        streaming_ = false;
        return take(Event::last_part);
      }
      return take(framer_.is_push() ? Event::push : Event::reply);
    case protocol::ReplyFramer::Status::incomplete:
      break;
  }
  const bool too_long = stream_above != 0 && framer_.type() != 0 && !framer_.is_push() &&
                        scanned_ + framer_.bytes_missing() > stream_above;
  if (scanned_ > 0 && (streaming_ || too_long)) {
    streaming_ = true;
    return take(Event::part);
  }
  park();
  return Event::need_more;
}

ReplyReader::Event ReplyReader::take(Event event) {
  bytes_ = unread_.substr(0, scanned_);
  unread_.remove_prefix(scanned_);
  scanned_ = 0;
  return event;
}

void ReplyReader::park() {
  if (unread_.empty()) {
    block_.reset();
    return;
  }
  if (block_ != nullptr) {
    block_->consume(block_->size() - unread_.size());
    return;
  }
  block_ = pool_.take(unread_.size() + framer_.bytes_missing());
  block_->append(unread_);
}

}  // namespace hawser
