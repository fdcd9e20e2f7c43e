#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "proxy/traffic/blocked_clients.hpp"
#include "proxy/traffic/denied_commands.hpp"
#include "proxy/traffic/handler.hpp"
#include "proxy/traffic/stored_request.hpp"
#include "proxy/traffic/write_rules.hpp"
#include "proxy/transactions/stay_state.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// What stays of clients need from the rest of hawser. Owned by TransactionHandler.
struct StayParts {
  Upstream& upstream;
  /// Goes by the command table: for what hawser answers itself.
  Handler& ordinary;
  BlockedClients& blocked;
  const DeniedCommands& denied;
  /// The upstream's client id of the connection to which invalidations for a client of hawser have
  /// to be redirected; 0: there is none.
  std::function<std::uint64_t(std::int64_t client_id)> redirect_target;
  WriteRules* rules;  ///< nullptr: there are none.
};

/// One client's stay on a pinned connection, while that connection holds state of it: watched keys,
/// an open MULTI, CLIENT TRACKING. The client's own handler until Redis has really answered that
/// nothing of it is left; then the connection is given back, or closed if anything else was done
/// on it.
///
/// If the connection is lost, or was not to be had, it stays until the client has ended what it
/// counts on: in a transaction every request is answered EXECABORT until EXEC or DISCARD says that
/// it did not happen; after a lost WATCH the client goes on as ever, what needs a connection of its
/// own included, but its next MULTI is refused in that way, unless UNWATCH comes before it.
class PinnedStay final : public Handler,
                         public LeaseHolder,
                         public BlockedClient,
                         public std::enable_shared_from_this<PinnedStay> {
 public:
  PinnedStay(StayParts& parts, Client& client) : parts_(parts), client_(client) {}
  ~PinnedStay() override;

  Taken handle(Client& client, Request& request) override;
  bool outlives_input() const override { return blocking_ == 0; }
  void on_lease_lost(const LaneEnd& end) override;
  void on_lease_push(std::string_view frame) override;
  std::uint64_t upstream_id() const override {
    return lease_ != nullptr ? lease_->lane().client_id() : 0;
  }
  void on_unblock_asked() override { is_asked_about_ = true; }
  void unblock(bool /*error*/) override {}  // It never blocks without a connection.

 private:
  /// A request on its way, or queued in the transaction.
  struct Step {
    Action action;
    std::shared_ptr<const StoredRequest> request;  ///< Where its words are needed again.
    bool blocks = false;
  };
  using Steps = std::map<std::size_t, Step>;
  struct Exec;
  class Tap;
  class Answer;
  class Passage;

  bool deny(Request& request);
  void send(Request& request, Action action);
  void acquire(Request& request, Action action);
  void on_no_connection(Action action);
  void submit(const Request& request, Action action, SlotHandle slot);
  void exec_denied(const Request& exec);
  Taken refuse_until_end(Request& request, Action action);
  bool answer_after_loss(Request& request, Action action);
  Taken lend_place(Request& request);
  bool needs_connection(const Request& request) const;

  void on_reply(const Step& step, SlotHandle slot, Reply reply);
  void on_exec(SlotHandle slot, Reply reply);
  void continue_exec(const std::shared_ptr<Exec>& exec);
  void on_streamed(const Step& step);
  void on_failed(const Step& step);
  std::string take_over(const StoredRequest& request, std::string_view reply);
  void answer_by_hawser(const StoredRequest& request, std::function<void(std::string)> done);
  void on_done(const Step& step);
  void leave_if_free();

  StayParts& parts_;
  Client& client_;  ///< Owns this stay.
  std::unique_ptr<Lease> lease_;
  StayState state_;
  std::optional<BlockedClients::Entry> blocked_;
  std::size_t blocking_ = 0;      ///< Blocking commands on their way.
  bool is_asked_about_ = false;   ///< Redis may still be unblocking the connection.
  bool flushes_scripts_ = false;  ///< At once, or with its EXEC.
  Steps specials_;                ///< Queued commands hawser has a part in, by place.
  std::int64_t redirect_ = 0;     ///< CLIENT TRACKING REDIRECT, as the client named it.
};

}  // namespace hawser
