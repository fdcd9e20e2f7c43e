#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/runtime/ring_queue.hpp"
#include "proxy/upstream/lane_buffer.hpp"
#include "proxy/upstream/reply_reader.hpp"
#include "tests/support/fake_redis.hpp"

namespace hawser::test {

/// A defect that a model is built with, so that it can be shown that the checker notices it.
enum class Fault : std::uint8_t {
  none,
  drop_slot_on_timeout,    ///< A timed-out request leaves the lane's queue, not only its slot.
  drop_slot_on_departure,  ///< So do the requests of a client that left.
  reply_to_push,           ///< A push frame is taken for a reply.
  partial_request_sent,    ///< What has arrived of a request is sent before the rest is there.
  reorder_requests,        ///< A request is sent after the next one.
  skip_predecessor_kill,   ///< A lost connection's unread bytes are left to run.
  resend_after_loss,       ///< What was sent on a lost connection is sent again.
  forget_request,          ///< A request is given up without an answer.
  invent_ok,               ///< What timed out or was lost is answered +OK.
  claim_not_executed,      ///< What was lost is said not to have been executed.
};

/// How often something that a run has to show took place.
struct Seen {
  std::size_t time_outs = 0;
  std::size_t losses = 0;
  std::size_t answered_lost = 0;
  std::size_t expired_waiting = 0;
  std::size_t put_back = 0;
  std::size_t swallowed = 0;
  std::size_t pushes = 0;
  std::size_t parts = 0;
  std::size_t partial_writes = 0;
  std::size_t split_requests = 0;
  std::size_t departures = 0;
  std::size_t run_after_loss = 0;
};

/// A request in a lane's queue, or waiting for a lane.
struct ModelEntry {
  SlotHandle slot;
  std::uint64_t client = 0;
  TimePoint deadline{};
  std::string bytes;
};

/// The pure parts of a lane (buffer, reader, queue of slots) wired as Lane wires them, but to a
/// FakeRedis instead of a socket; each step moves an arbitrary number of bytes. Owned by its
/// InvariantModel, one per connection.
class ModelLane {
 public:
  struct Parts {
    FakeRedis& redis;
    InvariantChecker& checker;
    BlockPool& pool;
    std::mt19937& random;
    Seen& seen;
    Fault fault;
    std::chrono::milliseconds time_out;
  };
  ModelLane(const Parts& parts, std::uint64_t connection);

  std::uint64_t connection() const { return connection_; }
  /// Nothing is in flight, and nothing that came is unread.
  bool is_at_rest() const {
    return entries_.empty() && parts_.redis.connection(connection_).output.empty();
  }

  void submit(ModelEntry entry);
  /// What the fault partial_request_sent sends ahead.
  void send_ahead(std::string_view bytes);
  /// Writes some of what is unsent.
  void write();
  /// Reads some of what came. Returns false if the lane cannot go on.
  bool read(TimePoint now);
  /// Answers what is overdue. Returns false if the lane was silent for too long.
  bool expire(TimePoint now);
  void drop_client(std::uint64_t client);

  /// The end of the lane: what was never written, in order, and the slots of what was.
  struct End {
    std::vector<ModelEntry> unsent;
    std::vector<SlotHandle> lost;
    bool left_unanswered = false;
  };
  End end();

 private:
  struct Entry {
    SlotHandle slot;
    std::uint64_t client;
    TimePoint deadline;
    std::size_t size;
  };

  bool drain();
  bool on_reply(Reply reply);
  void on_part(bool last);
  void drop_entries(TimePoint overdue_at, std::uint64_t client);
  std::size_t some(std::size_t most);

  Parts parts_;
  const std::uint64_t connection_;
  const std::unique_ptr<char[]> scratch_;
  ReplyReader reader_;
  LaneBuffer buffer_;
  RingQueue<Entry> entries_;
  TimePoint last_received_{};
};

}  // namespace hawser::test
