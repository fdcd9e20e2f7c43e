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
  context,   ///< AUTH, HELLO, SELECT: really done there, and taken over by the client.
  stand_in,  ///< Answered by hawser: in a transaction a PING is queued in its place.
};

Action action_of(const Request& request);

/// What is known of a connection that holds state of a client: of what was sent to it, and of what
/// Redis answered. Pure. Owned by a PinnedStay.
class StayState {
 public:
  /// A request is sent. `is_known`: hawser knows that it leaves nothing behind but what its action
  /// says.
  void on_sent(Action action, bool is_known);
  /// A request was denied by hawser itself.
  void on_denied() { denied_ = denied_ || sent_multi_; }

  /// What is sent now will be queued, as far as is known.
  bool will_queue() const { return sent_multi_; }
  /// The state is up to an answer that is on its way: the next request has to wait for it.
  bool is_awaited() const { return awaited_; }
  /// Of the transaction that EXEC is to end a command was denied: it must not happen.
  bool must_abort() const { return denied_ && sent_multi_; }
  /// The connection can be let go: Redis has answered that nothing of the client is left on it.
  bool is_free() const {
    return pending_ == 0 && !sent_multi_ && !awaited_ && !in_multi_ && !is_watching_ &&
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
  void on_exec_done() { awaited_ = false; }
  /// No reply will come, or it comes too late.
  void on_failed(Action action);

  /// What the loss of the connection leaves to do.
  enum class Loss : std::uint8_t {
    nothing,      ///< It held nothing the client still counts on.
    transaction,  ///< An open transaction: nothing of it may happen.
    watch,        ///< Watched keys: the transaction they guard must not happen.
  };
  Loss on_lost();

 private:
  std::size_t pending_ = 0;  ///< Requests without an answer.
  std::size_t queued_ = 0;   ///< Commands Redis has queued.
  bool sent_multi_ = false;  ///< MULTI was sent, and not its end.
  bool awaited_ = false;     ///< EXEC, DISCARD, UNWATCH, SELECT ... is on its way.
  bool denied_ = false;      ///< A command of the transaction was.
  bool in_multi_ = false;    ///< Redis said so, as in the next two.
  bool is_watching_ = false;
  bool is_tracking_ = false;
  bool is_clean_ = true;
};

}  // namespace hawser
