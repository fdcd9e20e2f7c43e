#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "proxy/runtime/clock.hpp"

namespace hawser::test {

/// What has to hold whatever happens; the numbers are those of the design's list.
enum class Invariant : std::uint8_t {
  own_replies = 1,
  whole_requests = 2,
  one_order = 3,
  never_twice = 4,
  always_an_answer = 5,
  no_invented_reply = 8,
};

/// Sees both ends of a proxy, the clients' and the server's, and the lane between them, and notes
/// each invariant that is broken. Every request carries an id as its last argument; ids count up,
/// so that the order of a client's ids is the order in which it sent them.
class InvariantChecker {
 public:
  /// `time_out`: what a request may take; a time-out's reply tells it.
  explicit InvariantChecker(std::chrono::milliseconds time_out);

  /// The id for a client's next request; tell its bytes with on_sent().
  std::uint64_t next_id() { return ++last_id_; }
  void on_sent(std::uint64_t client, std::uint64_t id, std::string_view wire);
  /// The request has arrived whole at the proxy.
  void on_arrived(std::uint64_t id, TimePoint now);
  /// Bytes were put on the lane, all at once: they have to be a request that a client sent.
  void on_put_on_lane(std::string_view bytes);
  /// The server has run a request. Returns whether it is one that a client sent.
  bool on_executed(std::string_view wire, std::string_view id, std::string_view reply);
  /// The server was sent what is no request.
  void on_garbage() { note(Invariant::whole_requests, "the server was sent garbage"); }
  /// Takes whole replies off the front of what a client has received. Returns false if that cannot
  /// be trusted any further.
  bool on_received(std::uint64_t client, std::string& bytes);
  void on_left(std::uint64_t client) { owed_.erase(client); }
  /// To be told after everybody had the chance to act at `now`.
  void on_time(TimePoint now);

  bool is_broken(Invariant invariant) const { return broken_.contains(invariant); }
  const std::set<Invariant>& broken() const { return broken_; }
  const std::string& first_violation() const { return first_; }
  /// Requests of clients still there that arrived and have no answer.
  std::size_t owed() const;
  std::size_t answered_by_redis() const { return answered_by_redis_; }
  std::size_t answered_by_failure() const { return answered_by_failure_; }

 private:
  struct Asked {
    std::uint64_t client = 0;
    std::string wire;
    std::string reply;          ///< What Redis answered; empty while it has not run.
    bool not_executed = false;  ///< What the client was told.
    TimePoint deadline = TimePoint::max();
  };

  void note(Invariant invariant, std::string_view text, std::uint64_t id = 0);
  std::string_view match(const Asked& asked, std::string_view bytes) const;
  bool may_become_reply(const Asked& asked, std::string_view bytes) const;

  const std::chrono::milliseconds time_out_;
  const std::string timed_out_;
  const std::string lost_;
  const std::string down_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Asked> asked_;                     ///< By id.
  std::map<std::uint64_t, std::deque<std::uint64_t>> owed_;  ///< By client: ids not answered yet.
  std::map<std::uint64_t, std::uint64_t> last_run_;          ///< By client: id last executed.
  std::set<Invariant> broken_;
  std::string first_;
  std::size_t answered_by_redis_ = 0;
  std::size_t answered_by_failure_ = 0;
};

}  // namespace hawser::test
