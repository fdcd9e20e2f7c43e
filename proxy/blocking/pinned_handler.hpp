#pragma once

#include "proxy/blocking/pinned_session.hpp"

namespace hawser {

/// Gives requests that need an upstream connection of their own a pinned one: for that one request
/// (blocking or unknown commands), or for the rest of the client's life (MONITOR).
class PinnedHandler final : public Handler {
 public:
  PinnedHandler(Upstream& upstream, Handler& refuse, BlockedClients& blocked)
      : parts_{upstream, refuse, blocked} {}
  Taken handle(Client& client, Request& request) override;

 private:
  const PinnedSession::Parts parts_;
};

/// The same for one request that any connection could take, but with which others would wait too
/// long on a shared one.
class ApartHandler final : public Handler {
 public:
  ApartHandler(Upstream& upstream, Handler& refuse, BlockedClients& blocked)
      : parts_{upstream, refuse, blocked} {}
  Taken handle(Client& client, Request& request) override;

 private:
  const PinnedSession::Parts parts_;
};

}  // namespace hawser
