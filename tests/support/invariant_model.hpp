#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/request_parser.hpp"
#include "proxy/downstream/reply_queue.hpp"
#include "tests/support/model_lane.hpp"

namespace hawser::test {

/// A client of the model: sends requests of which the proxy gets arbitrary pieces, and gives all it
/// receives to the checker at once. Owned by its InvariantModel; its queue outlives it while
/// requests are in flight.
class ModelClient final : public ReplyQueueOwner {
 public:
  ModelClient(std::uint64_t id, const ReplyQueue::Parts& parts, std::mt19937& random);
  ~ModelClient() { queue->detach(); }
  ModelClient(const ModelClient&) = delete;
  ModelClient& operator=(const ModelClient&) = delete;

  /// Takes all that the proxy has for it.
  void receive();

  void on_replies_ready() override {}
  std::size_t write_through(std::string_view bytes) override;
  void on_reply_held() override {}
  void on_reply_broken() override { broken = true; }
  void on_long_replies(bool) override {}

  const std::uint64_t id;
  SinkPtr<ReplyQueue> queue;
  protocol::RequestParser parser{protocol::Limits{}};
  std::string unread;          ///< Sent, and not yet with the proxy.
  std::string input;           ///< With the proxy, and not yet a whole request.
  std::string received;        ///< Not yet a whole reply.
  std::size_t sent_ahead = 0;  ///< Bytes of input that a fault has put on the lane already.
  bool broken = false;         ///< To be closed: half of a reply cannot be taken back.

 private:
  std::mt19937& random_;
};

/// Several clients, one lane at a time and a Redis, all in memory, in random interleavings: of
/// requests in pieces, partial writes and reads, hanging, time-outs, lost lanes, clients that leave
/// and push frames. What is tested are ReplyQueue, SlotHandle, LaneBuffer, ReplyReader and both
/// parsers in the wiring that Lane and MainLane give them; a Fault spoils that wiring.
class InvariantModel {
 public:
  InvariantModel(std::uint32_t seed, Fault fault);

  /// Lets each party do a little, and time pass.
  void step();
  /// Lets nobody send any more and waits until all is answered; returns whether it was.
  bool settle();

  const InvariantChecker& checker() const { return checker_; }
  const Seen& seen() const { return seen_; }
  /// Bytes of all buffers in use. 0 once it is settled and the lane is at rest.
  std::size_t buffered_bytes() const { return pool_.bytes_in_use(); }

 private:
  bool chance(std::uint32_t one_in) { return random_() % one_in == 0; }
  void send_requests(ModelClient& client);
  void deliver(ModelClient& client);
  void take_request(ModelClient& client);
  void submit(ModelEntry entry);
  void run_redis();
  void run_lane();
  void open_lane();
  void lose_lane();
  void expire_waiting();
  void replace_client(std::unique_ptr<ModelClient>& client);

  static constexpr std::chrono::milliseconds kTimeOut{60};
  static constexpr std::size_t kClients = 5;

  const Fault fault_;
  std::mt19937 random_;
  TurnClock clock_;
  BlockPool pool_;
  DownstreamStats stats_;
  const ReplyQueue::Parts replies_{
      stats_, clock_, pool_, {.output = 100000, .stream_above = 20000}};
  Seen seen_;
  InvariantChecker checker_{kTimeOut};
  FakeRedis redis_{checker_};
  std::vector<std::unique_ptr<ModelClient>> clients_;
  std::uint64_t last_client_ = 0;
  std::unique_ptr<ModelLane> lane_;
  std::deque<ModelEntry> waiting_;           ///< For a lane.
  std::vector<std::uint64_t> predecessors_;  ///< To be killed before the next lane is used.
  std::optional<ModelEntry> held_back_;      ///< By the fault reorder_requests.
  TimePoint hangs_until_{};
  TimePoint reopens_at_{};
  bool sending_ = true;
};

}  // namespace hawser::test
