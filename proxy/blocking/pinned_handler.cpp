#include "proxy/blocking/pinned_handler.hpp"

namespace hawser {

namespace {

PinnedSession::Stay stay_of(const Request& request) {
  if (request.command == nullptr) return PinnedSession::Stay::one_request_unsure;
  if (request.command->treatment == protocol::Treatment::shared ||
      request.command->command_class == CommandClass::blocking ||
      request.command->command_class == CommandClass::cache) {  // A script of hawser's own.
    return PinnedSession::Stay::one_request;
  }
  return PinnedSession::Stay::for_life;
}

}  // namespace

Taken PinnedHandler::handle(Client& client, Request& request) {
  if (client.unsettled() > 0) return Taken::later;
  auto session = std::make_shared<PinnedSession>(parts_, client, stay_of(request));
  client.set_own_handler(session);
  return session->handle(client, request);
}

}  // namespace hawser
