#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "config/settings.hpp"
#include "proxy/downstream/dispatcher.hpp"
#include "proxy/downstream/reply_queue.hpp"
#include "proxy/log.hpp"
#include "proxy/runtime/loop.hpp"
#include "proxy/runtime/stream_socket.hpp"
#include "proxy/runtime/timer.hpp"

namespace hawser {

class ClientRegistry;

/// What all client sessions share. Owned by Server.
struct DownstreamParts {
  Loop& loop;
  Logger& log;
  const config::Settings& settings;
  const protocol::Limits limits;
  DownstreamStats& stats;
  Dispatcher& dispatcher;
  ClientRegistry& registry;
  const ReplyQueue::Parts replies;
  const std::uint32_t home_database;  ///< Of the upstream URL; where every client begins.
  protocol::RequestParser parser;     ///< For requests that arrive whole, by far the most.
};

/// One client's connection: reads requests, has them dispatched in order, writes replies. Kept
/// alive by the registry until it is closed. An idle one holds no buffer.
class ClientSession final : public Client,
                            public SocketOwner,
                            public TurnTask,
                            public ReplyQueueOwner {
 public:
  ClientSession(DownstreamParts& parts, std::uint64_t id, int descriptor,
                DownstreamStats::Listener& listener);
  ~ClientSession() override;

  void start();
  /// Takes no more requests; closes at the next reply boundary (drain).
  void drain();

  /// Of both ends as Redis writes them: host:port, or path:0 of a Unix socket.
  std::string peer() const;
  std::string local_address() const;
  bool is_local() const { return listener_.is_local; }
  int descriptor() const { return socket_.descriptor(); }
  TimePoint connected_at() const { return connected_at_; }
  TimePoint last_request() const { return last_request_; }
  const protocol::Command* last_command() const { return last_command_; }

  /// CLIENT REPLY: whether replies are sent, and `skip`: not to the next request.
  enum class ReplyMode : std::uint8_t { on, off, skip };
  ReplyMode reply_mode() const { return reply_mode_; }
  void set_reply_mode(ReplyMode mode) { reply_mode_ = mode; }
  /// What CLIENT SETINFO told; few clients do, so it takes no room in the others.
  struct Library {
    std::string name;
    std::string version;
  };
  const Library* library() const { return library_.get(); }
  Library& told_library() {
    if (library_ == nullptr) library_ = std::make_unique<Library>();
    return *library_;
  }
  /// Bytes received and not dispatched yet.
  std::size_t queued_input() const;
  const ReplyQueue& replies() const { return *replies_; }
  /// RESET: everything a client can set is as on a new connection.
  void forget_state();

  // Client
  SlotHandle open_slot(const Request& request) override;
  std::size_t unanswered() const override { return replies_->unanswered(); }
  std::size_t unsettled() const override { return replies_->unsettled(); }
  void pause() override { paused_ = true; }
  void resume() override {
    paused_ = false;
    parts_.loop.at_turn_end(*this);
  }
  void resume_anew() override {
    own_wait_ = true;
    resume();
  }
  void try_again() override { parts_.loop.at_turn_end(*this); }
  bool push(std::string_view bytes) override;
  bool push(const std::shared_ptr<Block>& source, std::string_view part) override;
  std::size_t queued_output() const override { return replies_->backlog(); }
  void close_after_replies() override;
  void abort(std::string_view reason) override;

  // SocketOwner, TurnTask, ReplyQueueOwner
  void on_readable() override;
  void on_writable() override;
  void on_turn_end() override;
  void on_replies_ready() override;
  std::size_t write_through(std::string_view bytes) override;
  void on_reply_held() override { set_route(this); }  // No lane: nothing goes there.
  void on_long_replies(bool hears) override { set_hears_long_replies(hears); }
  void on_reply_broken() override { abort("a reply broke off"); }

 private:
  /// A request that has not arrived whole, or may not be dispatched yet, and what follows it.
  struct Rest;

  void read_scratch();
  void read_rest();
  bool fits();
  bool make_room();
  void advance();
  std::size_t run(protocol::RequestParser& parser, std::string_view input, BlockPtr* block,
                  TimePoint arrived);
  void keep(std::string_view rest);
  bool give_up(const Request& request);
  void watch_hold();
  bool may_dispatch() const;
  bool wants_input() const;
  void read_on();
  void watch_hang_up();
  bool outlives_input() const {
    return own_handler() == nullptr || own_handler()->outlives_input();
  }
  void on_peer_gone(bool may_still_read);
  void refuse(Failure failure);
  void answer_and_close(std::string_view error);
  void finish();
  void discard_input();
  bool flush();
  void check_output();
  void close();

  DownstreamParts& parts_;
  StreamSocket socket_;
  DownstreamStats::Listener& listener_;
  SinkPtr<ReplyQueue> replies_;
  std::unique_ptr<Rest> rest_;
  std::unique_ptr<Timer> stall_timer_;
  std::unique_ptr<Timer> hang_up_timer_;
  std::unique_ptr<Library> library_;
  TimePoint connected_at_;
  TimePoint last_request_;
  const protocol::Command* last_command_ = nullptr;
  TimePoint held_until_{};  ///< While requests already answered hold the next one: its deadline.
  std::size_t taken_ = 0;   ///< Bytes the client took since it was last looked whether it does.
  ReplyMode reply_mode_ = ReplyMode::on;
  bool paused_ = false;    ///< A handler decides before the next request is dispatched.
  bool held_ = false;      ///< The next request waits for the earlier ones.
  bool own_wait_ = false;  ///< ... behind its own blocking command or unread output.
  bool closing_ = false;   ///< No more requests; closes when all replies were written.
  bool lingers_ = false;   ///< Before it closes, what the client still sends is discarded.
  bool closed_ = false;
  bool input_ended_ = false;  ///< The client sends no more; what has come is still answered.
  bool reading_ = false;      ///< A wait for readability is pending.
  bool write_blocked_ = false;
  bool processing_ = false;
};

}  // namespace hawser
