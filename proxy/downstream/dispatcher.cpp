#include "proxy/downstream/dispatcher.hpp"

#include "proxy/downstream/client_pause.hpp"

namespace hawser {

using protocol::Treatment;

namespace {

/// A word by which Redis knows an HTTP request, and closes the client in whatever state it is.
bool is_http(const protocol::Command* row) {
  return row != nullptr && row->treatment == Treatment::refused &&
         (row->name == "post" || row->name == "host:");
}

}  // namespace

Dispatcher::Dispatcher(const Defaults& defaults) : defaults_(defaults) {
  for (const protocol::Command& row : protocol::all_commands()) {
    Handler* handler = &defaults_.forward;
    switch (row.treatment) {
      case Treatment::pinned:
        handler = &defaults_.pinned;
        break;
      case Treatment::local:
        handler = &defaults_.local;
        break;
      case Treatment::refused:
        handler = &defaults_.refuse;
        break;
      case Treatment::shared:
      case Treatment::intercepted:
        break;
    }
    by_index_.push_back(handler);
  }
}

void Dispatcher::route(std::string_view name, Handler& handler) {
  for (const protocol::Command& row : protocol::all_commands()) {
    if (row.name == name) by_index_[row.index] = &handler;
  }
}

Taken Dispatcher::dispatch(Client& client, Request& request) {
  Handler& handler = find(client, request);
  if (is_paused(request)) return Taken::later;
  return handler.handle(client, request);
}

bool Dispatcher::is_paused(const Request& request) const {
  return pause_ != nullptr && pause_->holds(request);
}

Taken Dispatcher::handle(Client& client, Request& request) {
  return by_table(request).handle(client, request);
}

Handler& Dispatcher::find(Client& client, Request& request) {
  const protocol::Command* row = protocol::find_command(request.arg(0));
  if (row != nullptr && protocol::has_subcommands(*row) && request.argc() > 1) {
    const protocol::Command* sub = protocol::find_subcommand(*row, request.arg(1));
    if (sub != nullptr) row = sub;
  }
  request.command = row;
  if (is_http(row)) return defaults_.refuse;
  request.denied = defaults_.denied.denies(
      row, request.arg(0), request.argc() > 1 ? request.arg(1) : std::string_view());
  const bool is_modal = client.is_subscribed() && client.context().resp == RespVersion::resp2;
  if (is_modal && !is_refused(request)) return defaults_.subscribed;
  if (client.own_handler() != nullptr) return *client.own_handler();
  return by_table(request);
}

Handler& Dispatcher::by_table(const Request& request) {
  const protocol::Command* row = request.command;
  if (is_refused(request)) return defaults_.refuse;
  if (row == nullptr) return defaults_.foreign;
  if (protocol::has_subcommands(*row) && request.argc() > 1) {
    // An unknown subcommand of CLIENT could change the state of a shared connection.
    return row->treatment == Treatment::local ? *by_index_[row->index] : defaults_.pinned;
  }
  if (row->since == protocol::kOwn) return *by_index_[row->index];
  // Redis refuses a wrong number of arguments before it looks at anything else, on any connection.
  if (!row->accepts(request.argc())) return defaults_.forward;
  return *by_index_[row->index];
}

}  // namespace hawser
