#pragma once

#include <functional>
#include <list>

#include "config/settings.hpp"
#include "proxy/resilience/backoff.hpp"
#include "proxy/runtime/loop.hpp"
#include "proxy/runtime/timer.hpp"
#include "proxy/upstream/health.hpp"

namespace hawser {

/// Says when a connection to the upstream may be attempted. While the upstream can be reached,
/// whoever wants one may try at once; after an attempt failed one tries at a time, with growing
/// pauses; while the circuit is not closed nobody does but those that are needed to close it.
/// Owned by Upstream.
class ConnectGate {
 public:
  /// Who is let through.
  enum class Level { everybody, restorers, nobody };

  /// One who wants a connection, again and again. Each time `go` was called, exactly one of
  /// succeeded(), failed() and gave_up() is to follow.
  class Seeker {
   public:
    /// `restorer`: its connection belongs to what is restored before the circuit is closed.
    Seeker(ConnectGate& gate, bool restorer, std::function<void()> go)
        : gate_(gate), is_restorer_(restorer), go_(std::move(go)) {}
    ~Seeker() { cancel(); }
    Seeker(const Seeker&) = delete;
    Seeker& operator=(const Seeker&) = delete;

    /// Has go() called as soon as it may be, maybe at once.
    void want();
    bool is_waiting() const { return waiting_; }
    /// Takes want() back; an attempt under way counts as given up.
    void cancel();

    void succeeded();
    void failed();
    void gave_up();
    /// The connection that succeeded was lost.
    void lost();

   private:
    friend class ConnectGate;
    ConnectGate& gate_;
    const bool is_restorer_;
    std::function<void()> go_;
    bool waiting_ = false;
    bool attempting_ = false;
  };

  ConnectGate(Loop& loop, Health& health, const config::Settings& settings);

  void set_level(Level level);

 private:
  bool may_go(const Seeker& seeker) const;
  void serve();
  void end_attempt(Seeker& seeker);
  void pause();

  Loop& loop_;
  Health& health_;
  Level level_ = Level::everybody;
  std::list<Seeker*> waiting_;
  std::size_t attempting_ = 0;
  bool unreachable_ = false;  ///< The last attempt failed.
  TimePoint next_at_{};       ///< No attempt before.
  TimePoint opened_at_{};
  Backoff backoff_;
  Timer timer_;
  bool serving_ = false;
};

}  // namespace hawser
