#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "proxy/traffic/request.hpp"
#include "proxy/upstream/lane.hpp"
#include "proxy/upstream/reaper.hpp"
#include "proxy/upstream/retries.hpp"
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
  bool is_active() const { return lane_ != nullptr || seeker_.is_waiting() || refused_.is_set(); }
  /// Whether the upstream has once accepted this context (its user and its database).
  bool is_proven() const { return proven_; }
  /// Whether the upstream refused the user, or the database, the last time.
  bool is_refused() const { return is_refused_; }
  /// Of the server's process the connection is to (see server_number()); 0: not known.
  std::uint64_t server() const { return server_; }
  bool is_idle_since(TimePoint when) const;
  std::size_t unanswered() const {
    return waiting_.size() + (retries_.is_watching() ? retries_.size() : 0) +
           (lane_ ? lane_->unanswered() : 0);
  }

  /// Opens the connection if there is none.
  void ensure_open();

  /// Whether a request of `bytes` bytes would go beyond lanes.max_requests, lanes.max_bytes or
  /// buffers.max_bytes.
  bool is_full(std::size_t bytes, Failure& why) const;
  /// Queues a request; it is answered by `submission.deadline` at the latest.
  void submit(Submission submission) {
    if (may_send()) {
      lane_->submit(std::move(submission));
    } else {
      wait(std::move(submission));
    }
  }

  /// Queues a block: all of it is sent together, or nothing.
  void submit(PendingRequest request);

  /// How an attempt to open the context ended.
  struct OpenResult {
    bool open;
    std::string error;  ///< Redis' error reply as it came; empty if it could not be asked.
  };
  /// Calls `done` when the context is proven, refused, or `deadline` passed.
  void when_open(TimePoint deadline, std::function<void(const OpenResult&)> done);

  void close();
  /// Closes for good: whoever waits is told while he is there to hear it.
  void end();
  /// The circuit was closed: what waits may go.
  void resume();
  /// It was opened: whoever waits is refused as those are that come now. Their replies would stand
  /// before the later ones'.
  void refuse_waiting();
  /// Another server is the primary: the connection is closed once nothing is in flight on it.
  void leave_server();
  /// Asks for a sign of life if the connection was idle since `limit`.
  void ping_if_idle(TimePoint limit);

  void on_lane_open(Lane& lane, const HandshakeResult& result) override;
  void on_lane_end(Lane& lane, LaneEnd end) override;
  void on_lane_push(Lane& lane, std::string_view frame) override;
  void on_lane_replies(Lane& lane) override;
  void on_lane_rejection(Lane& lane, const Rejection& why, PendingRequest request) override;
  void on_lane_outcome(Lane& lane, const ReplySink* origin) override;

 private:
  struct OpenWaiter {
    TimePoint deadline;
    std::function<void(const OpenResult&)> done;
  };

  /// Whether what is asked now may be sent now: nobody waits, and the lane may have one more.
  bool may_send() const {
    return is_open() && waiting_.empty() && !is_moved_ &&
           parts_.health.ramp().allows(lane_->unanswered());
  }
  void wait(Submission submission);
  void wait(PendingRequest request);
  void send_again(std::vector<PendingRequest> group);
  bool put_body(PendingRequest& request);
  void send_waiting();
  void put_back(LaneEnd& end);
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
  ConnectGate::Seeker seeker_;
  Timer refused_;  ///< After the server refused the user: until the next attempt.
  Timer expiry_;   ///< Earliest deadline of those who wait.
  Retries retries_;
  std::deque<PendingRequest> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::list<OpenWaiter> open_waiters_;
  std::vector<EndedConnection> predecessors_;  ///< Lost with requests unanswered, to be killed.
  std::uint64_t server_ = 0;
  bool is_moved_ = false;  ///< The connection is closed as soon as nothing is in flight.
  bool is_refused_ = false;
  bool proven_ = false;
  const bool keep_open_;  ///< Reconnects although nobody waits: the upstream URL's own context.
  bool was_lost_ = false;
  bool closing_ = false;
  RateLimit log_limit_;
  RateLimit refusal_log_limit_;
};

}  // namespace hawser
