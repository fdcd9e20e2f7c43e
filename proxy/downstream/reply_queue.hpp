#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/downstream/downstream_stats.hpp"
#include "proxy/runtime/byte_chain.hpp"
#include "proxy/runtime/clock.hpp"
#include "proxy/runtime/ring_queue.hpp"
#include "proxy/traffic/request.hpp"
#include "proxy/traffic/slot_handle.hpp"

namespace hawser {

/// Who owns a reply queue and writes what it has ready.
class ReplyQueueOwner {
 public:
  /// There are bytes in output(), or there is none unanswered or unsettled any more.
  virtual void on_replies_ready() = 0;
  /// Writes as much of output() and then of `bytes` as the client takes now; returns how many of
  /// `bytes` were written. Spares a large reply being copied.
  virtual std::size_t write_through(std::string_view bytes) = 0;
  /// A request may be sent again: the next ones wait until all are answered.
  virtual void on_reply_held() = 0;
  /// A part of a reply was handed on that can no longer be replaced, and the rest will not come.
  virtual void on_reply_broken() = 0;
  /// Whether one of the last replies was longer than the output limit.
  virtual void on_long_replies(bool hears) = 0;

 protected:
  ~ReplyQueueOwner() = default;
};

/// One client's replies, in the order of its requests: a slot for each request, answered in any
/// order, released from the front. Pure but for its owner. It outlives its client while requests
/// are in flight for it: after detach() their replies are swallowed.
class ReplyQueue final : public ReplySink {
 public:
  struct Limits {
    std::size_t output;        ///< Bytes queued for a client at which a stream has to wait.
    std::size_t stream_above;  ///< A longer reply is passed on in parts once its turn has come.
  };
  /// What all queues share.
  struct Parts {
    DownstreamStats& stats;
    const TurnClock& clock;
    BlockPool& blocks;
    const Limits limits;
  };
  ReplyQueue(ReplyQueueOwner& owner, const Parts& parts);

  /// Takes the next place. `muted`: its reply is dropped when its turn comes (CLIENT REPLY).
  SlotHandle open(const Request& request, bool muted);
  /// Bytes that answer nothing, behind all replies already released.
  void push(std::string_view bytes);
  void push(const std::shared_ptr<Block>& source, std::string_view part);
  /// The client is gone.
  void detach();

  std::size_t unanswered() const { return unanswered_; }
  /// Requests that may still be executed: unanswered, or answered by a failure meanwhile.
  std::size_t unsettled() const { return unanswered_ + expired_; }
  std::size_t size() const { return slots_.size(); }
  /// Number of the next slot.
  std::uint32_t next() const { return front_ + static_cast<std::uint32_t>(slots_.size()); }
  /// Whether nothing before this slot may still be executed.
  bool is_settled_before(std::uint32_t slot) const {
    return expired_ == 0 && static_cast<std::int32_t>(front_ - slot) >= 0;
  }
  /// Bytes that the unanswered requests may bring, going by the client's last replies.
  std::size_t expected() const { return std::size_t{unanswered_} * usual_size_; }
  /// Bytes of replies held for the client: ready to be written, or come before their turn.
  std::size_t backlog() const {
    return output_.size() + early_bytes_ + (deferred_ != nullptr ? deferred_->size() : 0);
  }
  /// What is to be written to the client.
  ByteChain& output() { return output_; }
  /// What of output() counts against the output limit: not one reply that alone is longer.
  std::size_t counted() const { return std::min(output_.size(), behind_long_); }

  void on_reply(std::uint32_t slot, Reply reply) override;
  void on_failure(std::uint32_t slot, Failure failure, std::int64_t number) override;
  void on_expiry(std::uint32_t slot, Failure failure, std::int64_t number) override;
  void on_settled() override;
  void on_held() override {
    if (owner_ != nullptr) owner_->on_reply_held();
  }
  std::size_t stream_threshold(std::uint32_t slot) const override;
  bool on_part(std::uint32_t number, std::string_view part, bool last) override;

 private:
  struct Slot {
    TimePoint arrived;
    std::unique_ptr<std::string> early;  ///< A reply that came before its turn.
    std::uint16_t command;
    protocol::CommandClass command_class;
    bool muted;
    bool answered;
  };

  void answer(std::uint32_t number, Reply reply);
  void release(Slot& slot, Reply reply);
  void count(const Slot& slot);
  void note_size(std::size_t bytes);
  void release_ready();
  ByteChain& pushed();

  /// A client is expected to ask for long replies until it is seen that it does not.
  static constexpr std::uint32_t kUnknownSize = 256U << 10;
  static constexpr std::uint8_t kLongRemembered = 100;
  /// From this length on a reply is offered to the socket directly.
  static constexpr std::size_t kWriteThrough = std::size_t{16} << 10;

  ReplyQueueOwner* owner_;
  const Parts& parts_;
  RingQueue<Slot> slots_;
  ByteChain output_;
  std::unique_ptr<ByteChain> deferred_;  ///< Pushed while a reply is handed on in parts.
  std::uint32_t front_ = 0;              ///< Number of the slot at the front.
  std::uint32_t unanswered_ = 0;
  std::uint32_t usual_size_ = kUnknownSize;  ///< Of a reply: a moving mean, in bytes.
  std::uint32_t expired_ = 0;                ///< Answered by a failure, and not settled yet.
  std::uint8_t after_long_ = 0;  ///< Replies until one over the output limit is forgotten.
  bool streaming_ = false;       ///< The front's reply is being handed on in parts.
  bool excused_ = false;         ///< It is over the output limit by itself, which is allowed.
  std::size_t early_bytes_ = 0;
  std::size_t streamed_ = 0;     ///< Bytes of it so far.
  std::size_t behind_long_ = 0;  ///< Bytes queued behind the last reply over the output limit.
};

}  // namespace hawser
