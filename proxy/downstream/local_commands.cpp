#include "proxy/downstream/local_commands.hpp"

#include <algorithm>
#include <string>

#include "protocol/reply_writer.hpp"
#include "proxy/downstream/client_session.hpp"
#include "proxy/traffic/client_names.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

constexpr std::string_view kOk = "+OK\r\n";

}  // namespace

Taken LocalCommands::handle(Client& client, Request& request) {
  auto& session = static_cast<ClientSession&>(client);
  const std::string_view name = request.command->name;
  std::string reply;
  protocol::ReplyWriter writer(reply, client.context().resp);
  if (name == "echo") {
    writer.bulk(request.arg(1));
  } else if (name == "ping") {
    if (request.argc() > 1) {
      writer.bulk(request.arg(1));
    } else {
      writer.simple("PONG");
    }
  } else if (name == "quit") {
    client.open_slot(request).complete(kOk);
    client.close_after_replies();
    return Taken::yes;
  } else if (name == "reset") {
    if (client.unanswered() > 0) return Taken::later;
    session.forget_state();
    writer.simple("RESET");
  } else {
    client_command(session, request);
    return Taken::yes;
  }
  client.open_slot(request).complete(reply);
  return Taken::yes;
}

void LocalCommands::client_command(ClientSession& session, Request& request) {
  const std::string_view name = request.command->name;
  const std::string_view sub =
      name.substr(std::min(name.size(), std::string_view("client|").size()));
  std::string reply;
  protocol::ReplyWriter writer(reply, session.context().resp);
  if (sub.empty()) {  // Only the container is known.
    writer.error("ERR unknown subcommand '" + quoted(request.arg(1)) + "'. Try CLIENT HELP.");
  } else if (sub == "reply") {
    client_reply(session, request);
    return;
  } else if (sub == "id") {
    writer.integer(static_cast<std::int64_t>(session.id()));
  } else if (sub == "getname") {
    if (session.name().empty()) {
      writer.null();
    } else {
      writer.bulk(session.name());
    }
  } else if (sub == "setname") {
    if (is_valid_client_name(request.arg(2))) {
      session.set_name(request.arg(2));
      reply = kOk;
    } else {
      reply = kInvalidClientName;
    }
  } else if (sub == "setinfo") {
    const bool is_name = is_word(request.arg(2), "lib-name");
    if (!is_name && !is_word(request.arg(2), "lib-ver")) {
      writer.error("ERR Unrecognized option '" + std::string(request.arg(2)) + "'");
    } else if (!is_valid_client_name(request.arg(3))) {
      writer.error("ERR " + std::string(is_name ? "lib-name" : "lib-ver") +
                   " cannot contain spaces, newlines or special characters.");
    } else {
      (is_name ? session.told_library().name : session.told_library().version) = request.arg(3);
      reply = kOk;
    }
  } else if (sub == "info") {
    writer.verbatim(listing_.describe(session) + "\n");
  } else if (sub == "getredir") {
    writer.integer(-1);
  } else {  // trackinginfo, of a client that does not track
    writer.map(3);
    writer.bulk("flags");
    writer.set(1);
    writer.bulk("off");
    writer.bulk("redirect");
    writer.integer(-1);
    writer.bulk("prefixes");
    writer.array(0);
  }
  session.open_slot(request).complete(reply);
}

void LocalCommands::client_reply(ClientSession& session, Request& request) {
  using Mode = ClientSession::ReplyMode;
  const std::string_view mode = request.arg(2);
  if (is_word(mode, "on")) {
    session.set_reply_mode(Mode::on);
    session.open_slot(request).complete(kOk);
  } else if (is_word(mode, "off")) {
    session.set_reply_mode(Mode::off);
  } else if (is_word(mode, "skip")) {
    if (session.reply_mode() == Mode::on) session.set_reply_mode(Mode::skip);
  } else {
    session.open_slot(request).complete("-ERR syntax error\r\n");
  }
}

Taken RefuseHandler::handle(Client& client, Request& request) {
  const protocol::Command* command = request.command;
  if (command != nullptr && (command->name == "post" || command->name == "host:")) {
    client.abort("HTTP request on a Redis port");
    return Taken::yes;
  }
  if (client.is_piped()) {
    client.abort("a refused command on a streaming connection");
    return Taken::yes;
  }
  client.open_slot(request).fail(Failure::denied);
  return Taken::yes;
}

}  // namespace hawser
