#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/upstream/lane.hpp"
#include "proxy/upstream/upstream_parts.hpp"

namespace hawser {

/// Who keeps subscriptions on a subscriber lane.
class SubscriberLaneOwner {
 public:
  /// The connection is new: nothing is subscribed on it.
  virtual void on_subscriber_open() = 0;
  /// The connection is lost, with all that was subscribed on it.
  virtual void on_subscriber_lost() = 0;
  /// The upstream would not open it; `error` is its reply as it came.
  virtual void on_subscriber_refused(std::string_view error) = 0;
  /// One frame: a message, an acknowledgement or an error, in either RESP version.
  virtual void on_subscriber_frame(std::string_view frame) = 0;

 protected:
  ~SubscriberLaneOwner() = default;
};

/// The upstream connection of one user's subscriptions, over all its lives: opened at first need,
/// opened again with backoff after a loss for as long as it is wanted. RESP3 where the server can.
/// Owned by the keeper of the subscriptions.
class SubscriberLane final : public LaneOwner {
 public:
  SubscriberLane(UpstreamParts& parts, UserId user, SubscriberLaneOwner& owner);
  ~SubscriberLane();

  bool is_open() const { return lane_ != nullptr && lane_->is_open(); }
  /// Whether the upstream refused the user a moment ago.
  bool is_refused() const { return refused_.is_set(); }
  /// Of the connection, as Redis knows it; 0: none is open.
  std::uint64_t client_id() const { return is_open() ? lane_->client_id() : 0; }
  /// Opens the connection if there is none, and keeps it open until close().
  void ensure_open();
  /// Sends requests; if nothing comes until `deadline`, the connection is given up. REQUIRES:
  /// is_open().
  void send(std::string_view requests, TimePoint deadline) { lane_->pipe(requests, deadline); }
  void close();
  /// If the connection is to another process of the server than this one, everything is subscribed
  /// anew. Empty: it is not known which.
  void stay_only_with(std::string_view run_id) {
    const bool is_other = !run_id.empty() && !run_id_.empty() && run_id_ != run_id;
    if (is_open() && is_other) lane_->give_up("another server is the primary");
  }
  void ping_if_idle(TimePoint limit, TimePoint deadline) {
    if (is_open()) lane_->ping_if_idle(limit, deadline);
  }

  void on_lane_open(Lane& lane, const HandshakeResult& result) override;
  void on_lane_end(Lane& lane, LaneEnd end) override;
  void on_lane_push(Lane& lane, std::string_view frame) override;

 private:
  void connect();

  UpstreamParts& parts_;
  const UserId user_;
  SubscriberLaneOwner& owner_;
  std::shared_ptr<Lane> lane_;
  ConnectGate::Seeker seeker_;
  Timer refused_;  ///< After the server refused the user: until the next attempt.
  RespVersion resp_ = RespVersion::resp3;
  std::string run_id_;  ///< Of the server it is connected to; empty: not known.
  RateLimit log_limit_;
};

}  // namespace hawser
