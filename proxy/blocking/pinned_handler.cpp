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

Taken begin(const PinnedSession::Parts& parts, Client& client, Request& request,
            PinnedSession::Stay stay) {
  if (client.unsettled() > 0) return Taken::later;
  auto session = std::make_shared<PinnedSession>(parts, client, stay);
  client.set_own_handler(session);
  return session->handle(client, request);
}

}  // namespace

Taken PinnedHandler::handle(Client& client, Request& request) {
  return begin(parts_, client, request, stay_of(request));
}

Taken ApartHandler::handle(Client& client, Request& request) {
  using Stay = PinnedSession::Stay;
  return begin(parts_, client, request,
               request.command == nullptr ? Stay::one_request_unsure : Stay::one_request);
}

}  // namespace hawser
