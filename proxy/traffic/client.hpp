#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/traffic/context.hpp"
#include "proxy/traffic/slot_handle.hpp"
#include "proxy/traffic/subscriptions.hpp"

namespace hawser {

class Block;
class Handler;
struct Request;

/// What handlers may know and do of a client. Implemented by ClientSession, which owns it; lives as
/// long as the connection, or as somebody holds it. Data thread only.
class Client : public std::enable_shared_from_this<Client> {
 public:
  virtual ~Client() = default;

  std::uint64_t id() const { return id_; }
  const Context& context() const { return context_; }
  /// Changed on the answer that allows it, never on dispatch.
  void set_context(const Context& context) { context_ = context; }

  std::string_view name() const { return name_ != nullptr ? *name_ : std::string_view(); }
  void set_name(std::string_view name) {
    name_ = name.empty() ? nullptr : std::make_unique<std::string>(name);
  }

  /// Takes the next place in the client's order of replies.
  virtual SlotHandle open_slot(const Request& request) = 0;
  /// Requests that have a slot and no answer yet.
  virtual std::size_t unanswered() const = 0;
  /// Requests that may still be executed: those unanswered, and those answered by a time-out or a
  /// loss whose late reply has not come and whose connection Redis has not been told to drop.
  virtual std::size_t unsettled() const = 0;
  /// No further request of this client is dispatched until resume(): the one just taken decides
  /// how the next ones are to be understood.
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// The same after a request that had a deadline of its own: the time of those that waited behind
  /// it begins now.
  virtual void resume_anew() = 0;
  /// A request that was left for later may be taken now: it is offered again, in the client's
  /// order.
  virtual void try_again() = 0;
  /// Bytes that answer no request (a published message, MONITOR's lines), behind what is owed now.
  /// Returns whether there is room for more.
  virtual bool push(std::string_view bytes) = 0;
  /// The same for bytes that many clients get: `part` lies in `source` and is not copied.
  virtual bool push(const std::shared_ptr<Block>& source, std::string_view part) = 0;
  /// Bytes it has not taken yet.
  virtual std::size_t queued_output() const = 0;
  /// Takes no more requests and closes once all replies owed were written.
  virtual void close_after_replies() = 0;
  /// Closes at once.
  virtual void abort(std::string_view reason) = 0;

  /// What it is subscribed to; ends with it. nullptr: it never subscribed.
  Subscriptions* subscriptions() const { return subscriptions_.get(); }
  const std::shared_ptr<Subscriptions>& shared_subscriptions() const { return subscriptions_; }
  void set_subscriptions(std::shared_ptr<Subscriptions> s) { subscriptions_ = std::move(s); }
  bool is_subscribed() const {
    return subscriptions_ != nullptr && subscriptions_->counts().total() > 0;
  }

  /// Whether replies reach it unframed, straight from a connection of its own: then a reply of
  /// hawser's own would have no sure place among them.
  bool is_piped() const { return is_piped_; }
  void set_piped() { is_piped_ = true; }

  /// Whether one of its last replies was over the output limit: the next may be as well, and others
  /// would wait behind it.
  bool hears_long_replies() const { return hears_long_replies_; }

  /// Whether it has ended its side: it may still read, but will send nothing more. What is only of
  /// use to who goes on sending is not for it.
  bool has_ended_input() const { return has_ended_input_; }

  /// While set, places go to `sink` instead of the client's order of replies: what is asked then
  /// runs as part of EXEC, whose reply it is put into.
  void capture(ReplySink* sink) { capture_ = sink; }
  bool is_captured() const { return capture_ != nullptr; }

  /// Where its unsettled requests are (a lane, compared by address only): the next ones go there
  /// too, or wait until it has none. That is what keeps one client's requests in order.
  bool may_go_to(const void* lane) const { return unsettled() == 0 || route_ == lane; }
  void set_route(const void* lane) { route_ = lane; }

  /// While set, every request of this client but the refused ones goes to it. Its end, with the
  /// client or by being replaced, gives back what it holds.
  const std::shared_ptr<Handler>& own_handler() const { return own_handler_; }
  void set_own_handler(std::shared_ptr<Handler> handler) { own_handler_ = std::move(handler); }

 protected:
  explicit Client(std::uint64_t id) : id_(id) {}
  ReplySink* captured_by() const { return capture_; }
  void set_ended_input() { has_ended_input_ = true; }
  void set_hears_long_replies(bool hears) { hears_long_replies_ = hears; }

 private:
  const std::uint64_t id_;
  Context context_;
  const void* route_ = nullptr;
  ReplySink* capture_ = nullptr;
  bool is_piped_ = false;
  bool has_ended_input_ = false;
  bool hears_long_replies_ = false;
  std::unique_ptr<std::string> name_;  ///< Few have one, so it takes no room in the others.
  std::shared_ptr<Handler> own_handler_;
  std::shared_ptr<Subscriptions> subscriptions_;
};

}  // namespace hawser
