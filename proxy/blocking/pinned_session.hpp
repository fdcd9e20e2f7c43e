#pragma once

#include <memory>
#include <string>

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// One client's time on a pinned connection: the client's own handler from the request that needs
/// the connection until the reply (`one_request`) or until the client leaves (`for_life`). Ends
/// with the client, and the connection with it if anything is in flight or state may be left.
class PinnedSession final : public Handler,
                            public LeaseHolder,
                            public std::enable_shared_from_this<PinnedSession> {
 public:
  enum class Stay : std::uint8_t {
    one_request,         ///< Given back after the reply.
    one_request_unsure,  ///< Closed after the reply: nobody knows what state the command left.
    for_life,
  };

  PinnedSession(Upstream& upstream, Handler& refuse, Client& client, Stay stay);
  ~PinnedSession() override;

  Taken handle(Client& client, Request& request) override;
  void on_lease_lost(const LaneEnd& end) override;
  void on_lease_push(std::string_view frame) override;

 private:
  class Tap;
  class PipeEnd;
  struct Waiting;

  void acquire(Request& request);
  void submit(std::string_view bytes, SlotHandle slot, TimePoint deadline,
              CommandClass command_class, bool is_wait);
  void pipe(const Request& request);
  TimePoint deadline_of(const Request& request) const;
  void on_answered(bool in_time);

  Upstream& upstream_;
  Handler& refuse_;
  Client& client_;  ///< Owns this session.
  const Stay stay_;
  std::unique_ptr<Lease> lease_;
  bool is_pipe_ = false;
  bool may_be_quiet_ = false;  ///< Requests through the pipe may bring no reply.
};

}  // namespace hawser
