#include "proxy/blocking/script_kill_handler.hpp"

namespace hawser {

Taken ScriptKillHandler::handle(Client& client, Request& request) {
  // Redis would not read it before it has answered what its client asked earlier. What was answered
  // by a time-out may be the very script.
  if (client.unanswered() > 0) return Taken::later;
  const std::string_view name = request.command->name;
  const std::string container(name.substr(0, name.find('|')));
  ask_for_client(
      upstream_.control(),
      {.user = client.context().user, .commands = {{container, "KILL"}}, .overtakes = true}, client,
      request, upstream_.settings().timeout.script);
  return Taken::yes;
}

}  // namespace hawser
