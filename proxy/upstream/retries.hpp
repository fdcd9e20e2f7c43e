#pragma once

#include <functional>
#include <random>
#include <unordered_map>
#include <vector>

#include "proxy/runtime/timer.hpp"
#include "proxy/upstream/lane.hpp"
#include "proxy/upstream/upstream_parts.hpp"

namespace hawser {

/// Requests that Redis rejected and that are to be sent again, in groups of one client each. A
/// group is complete when nothing else of its client is in flight; then, after a pause, it is sent
/// again in the original order. If anything of the client behind them has run, or may have, they
/// are answered with Redis' words instead: nothing is sent again past a later request. Part of a
/// MainLane.
class Retries {
 public:
  /// `resend` is given groups whose time has come.
  Retries(UpstreamParts& parts, std::function<void(std::vector<PendingRequest>)> resend);

  /// Takes a rejected request; it is answered at once where it may not be sent again. `waiting`:
  /// what else of its client is yet to be sent on the lane.
  void take(Lane& lane, PendingRequest request, std::size_t waiting);
  /// Another request of `origin` was answered, or may have been executed without an answer.
  void on_outcome(const ReplySink* origin);
  /// The lane is gone: what is still in flight there may have been executed.
  void on_lane_end();
  /// Nothing is sent again any more.
  void end() {
    while (!groups_.empty()) give_up(groups_.begin());
  }
  bool is_watching() const { return !groups_.empty(); }
  std::size_t size() const;

 private:
  struct Group {
    std::vector<PendingRequest> requests;
    std::size_t in_flight = 0;  ///< Of the same client, behind them.
    TimePoint deadline{};       ///< Of the first of them.
    TimePoint due{};            ///< Once nothing is in flight any more.
  };
  using Groups = std::unordered_map<const ReplySink*, Group>;

  bool may_retry(const PendingRequest& request) const;
  void schedule(Groups::iterator group);
  void give_up(Groups::iterator group);
  void on_due();

  UpstreamParts& parts_;
  std::function<void(std::vector<PendingRequest>)> resend_;
  Groups groups_;
  Timer timer_;
  std::minstd_rand random_;
};

}  // namespace hawser
