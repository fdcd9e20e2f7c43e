#pragma once

#include <memory>
#include <vector>

#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/slot_handle.hpp"
#include "proxy/upstream/lane.hpp"
#include "proxy/upstream/upstream_parts.hpp"

namespace hawser {

/// A connection that ended with requests unanswered, and those requests: settled when this is let
/// go.
struct EndedConnection {
  Predecessor connection;
  std::shared_ptr<std::vector<SlotHandle>> unsettled;
};

/// Has Redis drop connections that have no successor to do it: what it has not read of them yet
/// would otherwise run after newer requests, or pop an element for nobody. Done as the user of the
/// upstream URL, with the handshake of a short-lived connection; tried again until Redis is
/// reached. Owned by Upstream.
class Reaper final : public LaneOwner {
 public:
  explicit Reaper(UpstreamParts& parts);
  ~Reaper();

  /// Of a connection whose id is not known nothing can be done: it is let go at once.
  void reap(EndedConnection ended);
  void close();

  void on_lane_open(Lane& lane, const HandshakeResult& result) override;
  void on_lane_end(Lane& lane, LaneEnd end) override;
  void on_lane_push(Lane& /*lane*/, std::string_view /*frame*/) override {}

 private:
  void connect();
  void let_go();
  void warn(std::string_view reason);

  UpstreamParts& parts_;
  std::vector<EndedConnection> ended_;
  std::size_t asked_ = 0;  ///< Of them, those the present connection is to kill.
  std::shared_ptr<Lane> lane_;
  ConnectGate::Seeker seeker_;
  Timer soon_;  ///< In the next turn: many connections may end in this one.
  RateLimit log_limit_;
};

}  // namespace hawser
