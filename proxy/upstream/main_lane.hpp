#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "proxy/resilience/backoff.hpp"
#include "proxy/traffic/request.hpp"
#include "proxy/upstream/lane.hpp"
#include "proxy/upstream/reaper.hpp"
#include "proxy/upstream/upstream_parts.hpp"

namespace hawser {

/// The shared upstream connection of one context in one role (main or publisher), over all its
/// lives: it is opened at first need, opened again with backoff after a loss, closed when idle.
/// Requests that find it down wait here, unsent, until it is up or their deadline passes; that is
/// no retry. Owned by Upstream.
class MainLane final : public LaneOwner {
 public:
  /// `keep_open`: reconnect after a loss even while nobody asks for it.
  MainLane(UpstreamParts& parts, Reaper& reaper, const Context& context, LaneRole role,
           bool keep_open);
  ~MainLane();

  const Context& context() const { return context_; }
  bool is_open() const { return lane_ != nullptr && lane_->is_open(); }
  /// Whether a connection exists or is being opened.
  bool is_active() const { return lane_ != nullptr || retry_.is_set(); }
  /// Whether the upstream has once accepted this context (its user and its database).
  bool is_proven() const { return proven_; }
  bool is_idle_since(TimePoint when) const;
  std::size_t unanswered() const { return waiting_.size() + (lane_ ? lane_->unanswered() : 0); }

  /// Opens the connection if there is none.
  void ensure_open();

  /// Whether a request of `bytes` bytes would go beyond lanes.max_requests, lanes.max_bytes or
  /// buffers.max_bytes.
  bool is_full(std::size_t bytes, Failure& why) const;
  /// Queues a request; it is answered by `submission.deadline` at the latest.
  void submit(Submission submission) {
    if (is_open()) {
      lane_->submit(std::move(submission));
    } else {
      wait_for_connection(std::move(submission));
    }
  }

  /// Queues a block: all of it is sent together, or nothing.
  void submit_block(std::string_view bytes, std::vector<SlotHandle> slots, TimePoint deadline,
                    CommandClass command_class);

  /// How an attempt to open the context ended.
  struct OpenResult {
    bool open;
    std::string error;  ///< Redis' error reply as it came; empty if it could not be asked.
  };
  /// Calls `done` when the context is proven, refused, or `deadline` passed.
  void when_open(TimePoint deadline, std::function<void(const OpenResult&)> done);

  void close();

  void on_lane_open(Lane& lane, const HandshakeResult& result) override;
  void on_lane_end(Lane& lane, LaneEnd end) override;
  void on_lane_push(Lane& lane, std::string_view frame) override;
  void on_lane_drained(Lane& lane) override;

 private:
  struct OpenWaiter {
    TimePoint deadline;
    std::function<void(const OpenResult&)> done;
  };

  void wait_for_connection(Submission submission);
  void wait_for_connection(LaneEnd::Unsent unsent);
  void connect();
  void on_expiry();
  void arm_expiry();
  void tell_waiters(const OpenResult& result);
  void note_failure(const LaneEnd& end);

  UpstreamParts& parts_;
  Reaper& reaper_;
  const Context context_;
  const LaneRole role_;
  std::shared_ptr<Lane> lane_;
  Backoff backoff_;
  Timer retry_;   ///< Until the next attempt to connect.
  Timer expiry_;  ///< Earliest deadline of those who wait.
  std::deque<LaneEnd::Unsent> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::list<OpenWaiter> open_waiters_;
  std::vector<EndedConnection> predecessors_;  ///< Lost with requests unanswered, to be killed.
  bool proven_ = false;
  const bool keep_open_;  ///< Reconnects although nobody waits: the upstream URL's own context.
  bool was_lost_ = false;
  bool closing_ = false;
  RateLimit log_limit_;
};

}  // namespace hawser
