#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "proxy/upstream/lane.hpp"
#include "proxy/upstream/reaper.hpp"
#include "proxy/upstream/upstream_parts.hpp"

namespace hawser {

class PinnedPool;

/// Who holds a leased connection, and hears of its end.
class LeaseHolder {
 public:
  virtual void on_lease_lost(const LaneEnd& end) = 0;
  virtual void on_lease_push(std::string_view frame) = 0;

 protected:
  ~LeaseHolder() = default;
};

/// A pinned connection in the hands of one client. Given back by give_back() when it is provably
/// as new; otherwise, and if anything is in flight, it is closed with the lease.
class Lease {
 public:
  Lease(PinnedPool& pool, std::shared_ptr<Lane> lane, LeaseHolder* holder);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Lane& lane() { return *lane_; }
  /// The connection has no state left of this client: the next one may have it.
  void give_back();
  void set_holder(LeaseHolder* holder);
  /// It will be kept until the client leaves. Returns false if pinned.max_for_life are.
  bool keep_for_life();

 private:
  PinnedPool& pool_;
  std::shared_ptr<Lane> lane_;
};

/// Upstream connections that serve one client at a time: opened on demand up to pinned.max, kept
/// spare for pinned.idle. Whoever finds none free waits in line, for pinned.wait or its deadline;
/// while the circuit is not closed everybody does. Owned by Upstream.
class PinnedPool final : public LaneOwner {
 public:
  PinnedPool(UpstreamParts& parts, Reaper& reaper);
  ~PinnedPool();

  /// What acquire() brought: a lease, or why there is none.
  struct Acquired {
    std::unique_ptr<Lease> lease;
    Failure failure = Failure::down;
    std::string error;  ///< If the upstream refused the database: its error reply as it came.
  };
  /// Who wants a connection, and how.
  struct Order {
    Context context;
    TimePoint deadline;
    bool patient = false;   ///< Waits until its deadline, and not only for pinned.wait, while all
                            ///< are in use.
    bool for_life = false;  ///< Kept until the client leaves: counts apart.
    std::weak_ptr<void> cancelled;  ///< Once expired, nobody is called.
  };
  /// Calls `done` once, with a lease on a connection of the context, or a failure by the deadline.
  void acquire(Order order, std::function<void(Acquired)> done);
  void close();
  /// The circuit was closed: what waits may go.
  void resume() { serve(); }
  void close_spare();

  void on_lane_open(Lane& lane, const HandshakeResult& result) override;
  void on_lane_end(Lane& lane, LaneEnd end) override;
  void on_lane_push(Lane& lane, std::string_view frame) override;

 private:
  friend class Lease;
  enum class State : std::uint8_t { opening, spare, leased };
  struct Member {
    std::unique_ptr<ConnectGate::Seeker> seeker;
    std::shared_ptr<Lane> lane;  ///< None while it may not be tried to connect.
    Context context;
    State state;
    LeaseHolder* holder = nullptr;
    TimePoint since{};
    bool for_life = false;
  };
  struct Waiter : Order {
    TimePoint since;
    std::function<void(Acquired)> done;
  };

  Member* find(const Lane& lane);
  void serve();
  void serve_line();
  bool serve_one(std::list<Waiter>::iterator waiter);
  void hand_out(Member& member, const Waiter& waiter);
  void open(const Context& context, bool for_life);
  void connect(Member& member);
  bool is_full(bool for_life) const;
  TimePoint gives_up_at(const Waiter& waiter) const;
  void on_timer();
  void set_timer();
  void count();

  UpstreamParts& parts_;
  Reaper& reaper_;
  std::list<Member> members_;
  std::list<Waiter> waiters_;
  Timer timer_;
  bool closing_ = false;
  bool serving_ = false;
  bool serve_again_ = false;
};

}  // namespace hawser
