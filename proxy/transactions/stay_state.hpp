#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/traffic/request.hpp"

namespace hawser {

/// What a request does to the state of the connection, or of the client.
enum class Action : std::uint8_t {
  none,
  multi,
  exec,
  discard,
  watch,
  unwatch,
  tracking,
  context,  ///< AUTH, HELLO, SELECT: really done there, and taken over by the client.
  /// Answered by hawser: in a transaction a PING is queued in its place, or it is denied.
  stand_in,
};

/// Whether it is a command of hawser's own that a transaction cannot hold.
bool is_never_queued(const Request& request);

Action action_of(const Request& request);

/// What is known of a connection that holds state of a client: of what was sent to it, and of what
/// Redis answered. And what is left to do when that state is lost: a transaction must not happen if
/// a part of it, or the watch that guards it, is missing. Pure. Owned by a PinnedStay.
///
/// After a loss nothing is executed until the client ends the transaction it believes to be in. If
/// MULTI or WATCH itself was answered by an error, the client may never send the end; but what it
/// sent before it read that error may not be executed, or not unguarded. Hawser cannot see what was
/// read. It takes for sent by a client that knows: another MULTI that came after the refusal of the
/// first; and, since a pipeline is whole after a while, any request that comes alone so much later.
class StayState {
 public:
  /// A request is sent. `is_known`: hawser knows that it leaves nothing behind but what its action
  /// says.
  void on_sent(Action action, bool is_known);
  /// What on_sent() told was not sent after all: there is no connection for it.
  void on_not_sent(Action action, TimePoint now);
  /// A request was denied by hawser itself.
  void on_denied() { denied_ = denied_ || sent_multi_; }

  /// What is sent now will be queued, as far as is known.
  bool will_queue() const { return sent_multi_; }
  /// The state is up to an answer that is on its way: the next request has to wait for it.
  bool is_awaited() const { return awaited_ != Action::none; }
  /// Of the transaction that EXEC is to end a command was denied: it must not happen.
  bool must_abort() const { return denied_ && sent_multi_; }
  /// The connection can be let go: Redis has answered that nothing of the client is left on it.
  bool is_free() const {
    return pending_ == 0 && !sent_multi_ && !is_awaited() && !in_multi_ && !is_watching_ &&
           !is_tracking_;
  }
  /// Nothing was done that the next client would notice.
  bool is_clean() const { return is_clean_; }
  bool is_tracking() const { return is_tracking_; }

  /// A reply came. If Redis queued the command: its place in EXEC's array. After EXEC's reply call
  /// on_exec_done().
  std::optional<std::size_t> on_reply(Action action, std::string_view reply);
  void set_tracking(bool on) { is_tracking_ = on; }
  /// Everything that EXEC brought was dealt with.
  void on_exec_done() { awaited_ = Action::none; }
  /// No reply will come, or it comes too late.
  void on_failed(Action action, TimePoint now);
  /// The connection is gone, and all that was on it.
  void on_lost(TimePoint now);
  /// It was let go: the next one is as new.
  void on_let_go() { is_clean_ = true; }

  /// Keys are not watched that the client counts on: its next transaction must not happen.
  bool is_watch_lost() const { return is_watch_lost_; }
  /// MULTI was refused by hawser, because of that.
  void on_multi_refused(TimePoint now);
  /// A transaction is lost: nothing is executed until its end.
  bool is_refusing() const { return is_refusing_; }
  /// A request has come. What its client knows to have been refused is forgotten; returns whether
  /// there was anything. `is_alone`: nothing is unanswered before it, nothing has come behind it.
  /// `patience`: how long after the refusal a pipeline is whole.
  bool forget_told(Action action, TimePoint arrived, bool is_alone, Duration patience);
  /// The client ended what was lost.
  void on_loss_ended() { is_refusing_ = is_watch_lost_ = false; }
  /// Neither the connection nor the state is needed any more.
  bool is_over() const { return is_free() && !is_refusing_ && !is_watch_lost_; }

 private:
  void lose_watch(std::optional<TimePoint> told_at);

  std::size_t pending_ = 0;        ///< Requests without an answer.
  std::size_t queued_ = 0;         ///< Commands Redis has queued.
  bool sent_multi_ = false;        ///< MULTI was sent, and not its end.
  Action awaited_ = Action::none;  ///< EXEC, DISCARD, UNWATCH, SELECT ... is on its way.
  bool ending_ = false;    ///< What is awaited ends watch and transaction, whatever it brings.
  bool denied_ = false;    ///< A command of the transaction was.
  bool in_multi_ = false;  ///< Redis said so, as in the next two.
  bool is_watching_ = false;
  bool is_tracking_ = false;
  bool is_clean_ = true;
  bool is_watch_lost_ = false;
  bool is_refusing_ = false;
  /// When WATCH or MULTI was answered by an error; nothing: the client takes it for accepted.
  std::optional<TimePoint> watch_told_at_;
  std::optional<TimePoint> multi_told_at_;
};

}  // namespace hawser
