#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/cache/bus/bus_queue.hpp"
#include "proxy/cache/cache_stats.hpp"
#include "proxy/runtime/timer.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Publishes performed invalidations, for all hawsers and whoever else listens to the bus. Each
/// message is sent until Redis has answered it, with the same sequence and before those behind it;
/// receivers know a repetition by that. What is given up, because too many wait or Redis refused
/// it, leaves a gap in the sequence, which receivers see with the next message. Owned by Server;
/// data thread only.
class BusPublisher final : private CircuitListener, private TurnTask {
 public:
  struct Limits {
    std::size_t messages = 10000;                    ///< Waiting or under way, of all users.
    std::size_t bytes = std::size_t{64} << 20;       ///< The same, as they are sent.
    std::size_t batch = 1000;                        ///< Messages sent together, and ...
    std::size_t batch_bytes = std::size_t{1} << 20;  ///< ... bytes of them.
  };
  using Done = BusQueue::Done;

  /// REQUIRES: `channel` is not empty.
  BusPublisher(Upstream& upstream, std::string channel, CacheStats& stats);
  BusPublisher(Upstream& upstream, std::string channel, CacheStats& stats, const Limits& limits);
  ~BusPublisher() override;

  /// Stamps the message and publishes it with the rights of `publisher`'s user. `done` (may be
  /// empty) is called once, perhaps before this returns: with Redis' reply, the number of receivers
  /// or an error; or with a failure's error reply if the message was given up. Not called for what
  /// is still waiting when this ends. REQUIRES: `json` is a message, see stamp().
  void publish(const Context& publisher, std::string_view json, Done done);

  /// Messages that are not answered yet.
  std::size_t waiting() const;

 private:
  class BatchSink;
  /// One way to Redis, with its own origin: only so the order of sequences is that of arrival.
  struct Line;

  Line& line_of(const Context& publisher);
  void make_room();
  void send(Line& line);
  void send_again(Line& line);
  bool is_hopeless(const Line& line);
  void on_batch_end(Line& line);
  void on_answer(std::string_view reply);
  void warn(std::string_view message, std::string_view reason, RateLimit& limit);
  void on_circuit(const CircuitState& state) override;
  void on_turn_end() override;

  Upstream& upstream_;
  const std::string channel_;
  CacheStats& stats_;
  const Limits limits_;
  const std::string origin_;  ///< Of the upstream URL's user; the others' begin with it.
  std::size_t lines_made_ = 0;
  std::vector<std::unique_ptr<Line>> lines_;
  RateLimit refused_log_;
  RateLimit dropped_log_;
};

}  // namespace hawser
