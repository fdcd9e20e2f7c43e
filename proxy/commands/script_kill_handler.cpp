#include "proxy/commands/script_kill_handler.hpp"

namespace hawser {

Taken ScriptKillHandler::handle(Client& client, Request& request) {
  // Redis would not read it before it has answered what its client asked earlier. What was answered
  // by a time-out may be the very script.
  if (client.unanswered() > 0) return Taken::later;
  const std::string_view name = request.command->name;
  const std::string container(name.substr(0, name.find('|')));
  const Duration time = upstream_.settings().timeout.script;
  upstream_.control().ask_for(client, request,
                              {.user = client.context().user,
                               .commands = {{container, "KILL"}},
                               .line = ControlLine::kills},
                              time, [time](const ControlAnswer& answer, const auto& held) {
                                pass_on(answer, time, *held);
                              });
  return Taken::yes;
}

}  // namespace hawser
