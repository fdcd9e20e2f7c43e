#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/limits.hpp"
#include "proxy/runtime/connector.hpp"
#include "proxy/runtime/loop.hpp"
#include "proxy/runtime/ring_queue.hpp"
#include "proxy/runtime/stream_socket.hpp"
#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/slot_handle.hpp"
#include "proxy/upstream/handshake.hpp"
#include "proxy/upstream/health.hpp"
#include "proxy/upstream/lane_buffer.hpp"
#include "proxy/upstream/pending_request.hpp"
#include "proxy/upstream/reply_reader.hpp"
#include "proxy/upstream/upstream_stats.hpp"
#include "proxy/upstream/write_pacer.hpp"

namespace hawser {

class Lane;

/// One request on its way to a lane.
struct Submission {
  std::string_view bytes;     ///< One or more whole requests.
  BlockPtr* block = nullptr;  ///< Holds exactly `bytes` and may be taken over; or nullptr.
  SlotHandle slot;            ///< Empty: the reply is swallowed.
  TimePoint deadline = TimePoint::max();
  CommandClass command_class = CommandClass::write;
  /// Its row, by which it is judged whether it may be sent again; nullptr: it never may.
  const protocol::Command* command = nullptr;
  /// Until when it may be sent again, which for a read can be later than `deadline`.
  TimePoint final_deadline{};
  std::uint64_t server = 0;  ///< See Request.
};

/// How a lane ended.
struct LaneEnd {
  enum class Kind : std::uint8_t {
    connect_failed,    ///< Never connected.
    handshake_failed,  ///< The server refused; `reply` is its error.
    lost,              ///< Closed by the peer, or an I/O error.
    silent,            ///< Closed by hawser: no reply within the time-out.
    protocol_error,    ///< Closed by hawser: what came was not RESP, or answered nothing.
    closed,            ///< Closed by hawser: not needed any more.
  };
  Kind kind;
  std::string reason;            ///< Symbolic ("ECONNREFUSED") or a short phrase, for the log.
  std::string reply;             ///< handshake_failed: the error reply as it came.
  bool at_select = false;        ///< handshake_failed: only the database was refused.
  Predecessor connection;        ///< Of the lost connection, as far as it was learned.
  bool was_open = false;         ///< The handshake had been finished.
  bool left_unanswered = false;  ///< Requests had been written and not answered.
  /// Reads that were written and not answered, behind which nothing of their client's was written
  /// but such: they may be sent again, before the unsent ones. In order.
  std::vector<PendingRequest> lost_reads;
  /// Requests that were queued and never written, in order.
  std::vector<PendingRequest> unsent;
  /// Requests that were written, are answered by a failure, and may still be executed from what
  /// the server has not read yet. Kept by who makes sure that they cannot: then they are settled.
  std::shared_ptr<std::vector<SlotHandle>> unsettled;
};

/// Who owns a lane and hears of its life. Neither call may destroy the lane from within; the owner
/// lets go of it by resetting its pointer (the lane keeps itself alive for the call).
class LaneOwner {
 public:
  virtual void on_lane_open(Lane& lane, const HandshakeResult& result) = 0;
  /// Called once, after which the lane does nothing any more.
  virtual void on_lane_end(Lane& lane, LaneEnd end) = 0;
  virtual void on_lane_push(Lane& lane, std::string_view frame) = 0;
  /// Some requests were answered.
  virtual void on_lane_replies(Lane& /*lane*/) {}
  /// Redis did not execute a request of known effect, and said so with `request.error`.
  virtual void on_lane_rejection(Lane& /*lane*/, const Rejection& /*why*/,
                                 PendingRequest /*request*/) {}
  /// While watch_replies() is on: a request of `origin` was answered otherwise, or will not be.
  virtual void on_lane_outcome(Lane& /*lane*/, const ReplySink* /*origin*/) {}

 protected:
  ~LaneOwner() = default;
};

/// One upstream connection in a role, for the life of that connection: connect, handshake,
/// pipelined requests with their replies matched in order, end. What is written in one turn of the
/// loop goes out in one write. A slot stays in the queue until its reply came or the lane ended,
/// also when nobody waits for it any more; a push frame completes no slot.
class Lane final : public SocketOwner, public TurnTask, public std::enable_shared_from_this<Lane> {
 public:
  struct Parts {
    Loop& loop;
    const protocol::Limits& limits;
    UpstreamStats& stats;
    LaneRole role;
    /// Of all buffers together (buffers.max_bytes): above it a slow reader is given up.
    std::size_t buffers;
    Health& health;
    /// A lane that brought nothing for so long, with its oldest request overdue, is closed.
    Duration silence;
  };

  Lane(const Parts& parts, LaneOwner& owner);
  ~Lane() override;

  void open(const Endpoint& endpoint, HandshakePlan plan, TimePoint deadline);
  bool is_open() const { return state_ == State::open; }

  /// Queues one request, or a whole block. REQUIRES: is_open().
  void submit(PendingRequest request);
  /// Queues one request. REQUIRES: is_open().
  void submit(Submission submission);
  /// Queues `requests` whole requests, contiguously: nothing of anybody else comes between them.
  /// The slot takes the reply to the `taken`-th (from 0), or of that reply, if it is an array, its
  /// `element`-th element where `element` >= 0; all other replies are swallowed. If the reply is
  /// not an array (EXEC's error or nil), the slot takes it whole. REQUIRES: is_open().
  void submit_block(Submission submission, std::size_t requests, std::size_t taken,
                    int element = -1);

  std::size_t unanswered() const { return entries_.size(); }
  /// Of them, those of one origin.
  std::size_t unanswered_of(const ReplySink* origin) const;
  /// Whether the owner hears on_lane_outcome().
  void watch_replies(bool on) { watched_ = on; }
  std::size_t queued_bytes() const { return buffer_.size(); }
  TimePoint last_used() const { return last_used_; }
  std::uint64_t client_id() const { return connection_.client_id; }

  /// Turns the lane into a pipe: from now on what comes is handed to `sink` as it comes, as parts
  /// of slot 0. REQUIRES: nothing is unanswered.
  void become_pipe(ReplySink& sink);
  /// The same for a connection whose frames are looked at: from now on replies are handed to
  /// on_lane_push() as pushes are. REQUIRES: nothing is unanswered.
  void become_feed() { is_feed_ = true; }
  /// Sends a request through the pipe or to the feed. Whether what comes then is its reply is not
  /// looked at, but if nothing came until the deadlines of all that was sent, the lane ends.
  /// REQUIRES: become_pipe() or become_feed() was called.
  void pipe(std::string_view request, TimePoint deadline);

  /// Asks for a PONG if nothing was sent or received since `limit`.
  void ping_if_idle(TimePoint limit, TimePoint deadline);

  /// Ends the lane; what is in flight is answered with an unknown outcome. Calls on_lane_end.
  void close();
  /// The same for a lane that is of no use any more: it ends as one that was lost.
  void give_up(std::string reason);

  void on_readable() override;
  void on_writable() override;
  void on_turn_end() override;

 private:
  enum class State : std::uint8_t { connecting, handshake, open, ended };

  struct Entry {
    SlotHandle slot;  ///< Empty or expired once nobody waits: the reply is swallowed.
    TimePoint submitted;
    TimePoint deadline;
    std::size_t bytes;
    TimePoint final_deadline;
    const protocol::Command* command;
    std::int32_t element;
    CommandClass command_class;
    std::uint8_t attempts;
    Breaker::Generation generation;
    std::uint64_t server;
  };

  void on_connected(ConnectResult result);
  void on_handshake_reply(std::string_view reply);
  bool drain_replies();
  void on_reply(Reply reply);
  void take_element(SlotHandle slot, Reply reply, int element);
  std::size_t stream_above();
  bool on_part(std::string_view part, bool last);
  void finish_front();
  void push_entry(Entry&& entry);
  void on_submitted();
  PendingRequest take_entry(Entry& entry, std::size_t offset);
  TimePoint silent_from() const;
  bool is_overdue(TimePoint now) const;
  static std::int64_t time_given(const Entry& entry);
  void on_rejected(const Rejection& why, Reply reply);
  void count_success(const Entry& entry);
  void note_time_out(Breaker::Generation generation);
  bool tells_health() const { return role_ == LaneRole::main || role_ == LaneRole::publisher; }
  void on_deadline();
  void pause_reading();
  void on_room_timer();
  void write();
  void take_lost_reads(std::vector<Entry>& sent, LaneEnd& result);
  void end(LaneEnd::Kind kind, std::string reason);

  Loop& loop_;
  UpstreamStats& stats_;
  Health& health_;
  const LaneRole role_;
  const std::size_t buffers_;
  const Duration silence_;
  LaneOwner* owner_;
  State state_ = State::connecting;
  std::unique_ptr<Connector> connector_;
  std::unique_ptr<StreamSocket> socket_;
  std::unique_ptr<Handshake> handshake_;
  ReplyReader reader_;
  LaneBuffer buffer_;
  WritePacer pacer_;
  RingQueue<Entry> entries_;
  SlotHandle pipe_;
  TimePoint pipe_deadline_{};
  bool is_feed_ = false;
  Timer timer_;       ///< Handshake deadline, then the earliest deadline of the entries.
  Timer room_timer_;  ///< While a slow reader holds up a reply longer than its output limit.
  TimePoint last_received_{};
  TimePoint last_used_{};
  Predecessor connection_;
  std::string handshake_error_;
  bool at_select_ = false;
  std::uint64_t successes_ = 0;    ///< Replies of this turn that were no failures.
  bool time_out_counted_ = false;  ///< Since something came last.
  bool watched_ = false;
  bool writing_blocked_ = false;
  bool streaming_ = false;  ///< The front's reply is being handed on in parts.
};

}  // namespace hawser
