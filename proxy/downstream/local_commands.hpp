#pragma once

#include "proxy/downstream/client_listing.hpp"
#include "proxy/traffic/handler.hpp"

namespace hawser {

/// Commands that hawser answers itself in every state: those about the client's connection, which
/// ends at hawser.
class LocalCommands final : public Handler {
 public:
  explicit LocalCommands(const ClientListing& listing) : listing_(listing) {}
  Taken handle(Client& client, Request& request) override;

 private:
  void client_command(class ClientSession& session, Request& request);
  void client_reply(class ClientSession& session, Request& request);

  const ClientListing& listing_;
};

/// Refuses what must not reach the upstream; closes a client that talks HTTP, as Redis does.
class RefuseHandler final : public Handler {
 public:
  Taken handle(Client& client, Request& request) override;
};

}  // namespace hawser
