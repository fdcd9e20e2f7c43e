#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/traffic/blocked_clients.hpp"
#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// One client's time on a pinned connection: the client's own handler from the request that needs
/// the connection until the reply (`one_request`) or until the client leaves (`for_life`). Ends
/// with the client, and the connection with it if anything is in flight or state may be left.
class PinnedSession final : public Handler,
                            public LeaseHolder,
                            public BlockedClient,
                            public std::enable_shared_from_this<PinnedSession> {
 public:
  enum class Stay : std::uint8_t {
    one_request,         ///< Given back after the reply.
    one_request_unsure,  ///< Closed after the reply: nobody knows what state the command left.
    for_life,            ///< If Redis takes the first request.
  };

  /// What sessions share.
  struct Parts {
    Upstream& upstream;
    Handler& refuse;  ///< Has the commands that are refused on any connection.
    BlockedClients& blocked;
  };
  PinnedSession(const Parts& parts, Client& client, Stay stay);
  ~PinnedSession() override;

  Taken handle(Client& client, Request& request) override;
  bool outlives_input() const override { return stay_ != Stay::for_life && !blocked_; }
  void on_lease_lost(const LaneEnd& end) override;
  void on_lease_push(std::string_view frame) override;

  std::uint64_t upstream_id() const override {
    return lease_ != nullptr ? lease_->lane().client_id() : 0;
  }
  void on_unblock_asked() override { stay_ = Stay::one_request_unsure; }
  void unblock(bool error) override;

 private:
  class Tap;
  class PipeEnd;
  struct Waiting;

  void acquire(Request& request);
  void on_acquired(PinnedPool::Acquired got);
  std::shared_ptr<Waiting> stop_waiting();
  void submit(const Request& request, std::string_view bytes, SlotHandle slot, TimePoint deadline);
  void pipe(const Request& request);
  TimePoint deadline_of(const Request& request) const;
  void on_answered(bool in_time, bool refused = false);

  const Parts& parts_;
  Upstream& upstream_;
  Client& client_;  ///< Owns this session.
  Stay stay_;
  std::unique_ptr<Lease> lease_;
  std::shared_ptr<Waiting> waiting_;
  std::optional<BlockedClients::Entry> blocked_;
  bool is_settled_ = false;  ///< It stays for life: the first request was not refused.
  bool is_pipe_ = false;
  bool may_be_quiet_ = false;  ///< Requests through the pipe may bring no reply.
};

}  // namespace hawser
