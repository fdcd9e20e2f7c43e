#include "proxy/admin/proxy_handler.hpp"

#include <string>

#include "protocol/reply_writer.hpp"

namespace hawser {

Taken ProxyHandler::handle(Client& client, Request& request) {
  std::string reply;
  protocol::ReplyWriter writer(reply, client.context().resp);
  const std::string_view name = request.command->name;
  if (!request.command->accepts(request.argc())) {
    writer.error("ERR wrong number of arguments for '" + std::string(name) + "' command");
  } else if (name == "proxy|health") {
    const HealthView::RedisHealth health = health_.redis();
    writer.map(4);
    writer.bulk("circuit");
    writer.bulk(health.circuit);
    writer.bulk("main");
    writer.bulk(health.main);
    writer.bulk("subscriber");
    writer.bulk(health.subscriber);
    writer.bulk("publisher");
    writer.bulk(health.publisher);
  } else if (name == "proxy|help") {
    writer.array(3);
    writer.simple("PROXY <subcommand>. Subcommands are:");
    writer.simple("HEALTH");
    writer.simple("    The state of the circuit and of the connections to Redis.");
  } else {
    writer.error("ERR unknown subcommand '" + std::string(request.arg(1).substr(0, 128)) +
                 "'. Try PROXY HELP.");
  }
  client.open_slot(request).complete(reply);
  return Taken::yes;
}

}  // namespace hawser
