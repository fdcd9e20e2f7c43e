#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "proxy/runtime/block.hpp"
#include "proxy/traffic/failure.hpp"

namespace hawser {

/// One complete reply on its way to whoever asked.
struct Reply {
  std::string_view bytes;
  /// The block that holds exactly `bytes`, which the taker may keep instead of copying; or nullptr.
  BlockPtr* block = nullptr;
};

/// Where replies go: a client's ReplyQueue, or a piece of hawser that asked on its own account or
/// wants to see a reply pass. Counted by its SlotHandles, so that it outlives the requests in
/// flight for it. Data thread only.
class ReplySink {
 public:
  virtual void on_reply(std::uint32_t slot, Reply reply) = 0;
  /// No reply will come. `number` fills the failure's text.
  virtual void on_failure(std::uint32_t slot, Failure failure, std::int64_t number) = 0;
  /// The failure stands in for a reply that may still come: what was asked may still be executed,
  /// until on_settled().
  virtual void on_expiry(std::uint32_t slot, Failure failure, std::int64_t number) {
    on_failure(slot, failure, number);
  }
  /// A request answered by on_expiry() has its late reply, or can no longer be executed.
  virtual void on_settled() {}
  /// Whose order of requests it belongs to, compared by address only: its own, or that of the sink
  /// it passes replies on to.
  virtual const ReplySink* origin() const { return this; }
  /// A request answered by Redis with a rejection may be sent again: until it is answered, the
  /// client's next requests wait.
  virtual void on_held() {}
  /// How long a reply to `slot` may be before it is handed on in parts; 0: never in parts.
  virtual std::size_t stream_threshold(std::uint32_t /*slot*/) const { return 0; }
  /// A part of a reply; the last one ends it. Returns whether to go on reading at once; if not,
  /// `resume` of the lane is called through LanePause when there is room again.
  virtual bool on_part(std::uint32_t /*slot*/, std::string_view /*part*/, bool /*last*/) {
    return true;
  }

 protected:
  ReplySink() = default;
  virtual ~ReplySink() = default;
  ReplySink(const ReplySink&) = delete;
  ReplySink& operator=(const ReplySink&) = delete;

 private:
  friend class SlotHandle;
  template <typename T>
  friend class SinkPtr;
  void retain() { ++references_; }
  void release() {
    if (--references_ == 0) delete this;
  }
  std::uint32_t references_ = 0;
};

/// Counted pointer to a ReplySink.
template <typename T>
class SinkPtr {
 public:
  SinkPtr() = default;
  explicit SinkPtr(T* sink) : sink_(sink) {
    if (sink_ != nullptr) static_cast<ReplySink*>(sink_)->retain();
  }
  SinkPtr(SinkPtr&& other) noexcept : sink_(std::exchange(other.sink_, nullptr)) {}
  SinkPtr& operator=(SinkPtr&& other) noexcept {
    std::swap(sink_, other.sink_);
    return *this;
  }
  SinkPtr(const SinkPtr& other) : SinkPtr(other.sink_) {}
  SinkPtr& operator=(const SinkPtr&) = delete;
  ~SinkPtr() {
    if (sink_ != nullptr) static_cast<ReplySink*>(sink_)->release();
  }
  T* operator->() const { return sink_; }
  T& operator*() const { return *sink_; }
  T* get() const { return sink_; }

 private:
  T* sink_ = nullptr;
};

/// The right, and the duty, to answer one request: the only way back to a client. Answered at most
/// once, through complete(), fail(), expire() or the last stream() part; a handle that ends its
/// life unanswered answers that the connection was lost, so that no slot waits for ever. A request
/// that was sent and is answered without its reply is kept, expired, until it can no longer be
/// executed: the end of the handle says so.
class SlotHandle {
 public:
  SlotHandle() = default;
  SlotHandle(ReplySink& sink, std::uint32_t slot) : sink_(&sink), slot_(slot) { sink_->retain(); }
  SlotHandle(SlotHandle&& other) noexcept
      : sink_(std::exchange(other.sink_, nullptr)), slot_(other.slot_), expired_(other.expired_) {}
  SlotHandle& operator=(SlotHandle&& other) noexcept {
    std::swap(sink_, other.sink_);
    std::swap(slot_, other.slot_);
    std::swap(expired_, other.expired_);
    return *this;
  }
  SlotHandle(const SlotHandle&) = delete;
  SlotHandle& operator=(const SlotHandle&) = delete;
  ~SlotHandle() {
    if (sink_ == nullptr) return;
    if (!expired_) {
      fail(Failure::lost);
      return;
    }
    ReplySink* sink = std::exchange(sink_, nullptr);
    sink->on_settled();
    sink->release();
  }

  /// Whether somebody still waits for the answer.
  explicit operator bool() const { return sink_ != nullptr && !expired_; }

  void complete(Reply reply) {
    ReplySink* sink = std::exchange(sink_, nullptr);
    sink->on_reply(slot_, reply);
    sink->release();
  }
  void complete(std::string_view bytes) { complete(Reply{bytes}); }
  void fail(Failure failure, std::int64_t number = 0) {
    ReplySink* sink = std::exchange(sink_, nullptr);
    sink->on_failure(slot_, failure, number);
    sink->release();
  }
  /// Answers a request that may still be executed. The handle may be gone afterwards.
  void expire(Failure failure, std::int64_t number = 0) {
    expired_ = true;
    ReplySink* sink = sink_;
    sink->retain();
    sink->on_expiry(slot_, failure, number);
    sink->release();
  }
  const ReplySink* origin() const { return sink_ != nullptr ? sink_->origin() : nullptr; }
  void hold() { sink_->on_held(); }
  std::size_t stream_threshold() const { return sink_->stream_threshold(slot_); }
  /// Hands on a part; the last one answers the request. Returns whether there is room for more.
  bool stream(std::string_view part, bool last) {
    if (!last) return sink_->on_part(slot_, part, false);
    ReplySink* sink = std::exchange(sink_, nullptr);
    const bool room = sink->on_part(slot_, part, true);
    sink->release();
    return room;
  }
  /// Gives the answer up: the reply is swallowed when it comes.
  void abandon() {
    if (*this) std::exchange(sink_, nullptr)->release();
  }

 private:
  ReplySink* sink_ = nullptr;
  std::uint32_t slot_ = 0;
  bool expired_ = false;  ///< Answered; kept until the request can no longer be executed.
};

}  // namespace hawser
