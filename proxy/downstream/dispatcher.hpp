#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/traffic/denied_commands.hpp"
#include "proxy/traffic/handler.hpp"

namespace hawser {

class ClientPause;

/// Finds the one handler for each request by its row in the command table. Filled by Server at
/// start, then only asked. As a handler itself it goes by the table alone, whatever handler of its
/// own the client has.
class Dispatcher final : public Handler {
 public:
  struct Defaults {
    Handler& forward;  ///< Treatment shared, and whatever Redis itself is to refuse.
    Handler& pinned;   ///< Treatment pinned, and subcommands that are not in the table.
    Handler& foreign;  ///< Commands that are not in the table.
    Handler& local;
    Handler& refuse;
    Handler& subscribed;  ///< Everything of a RESP2 client that is subscribed.
    const DeniedCommands& denied;
  };
  explicit Dispatcher(const Defaults& defaults);

  /// Has `handler` take the command (or "container|subcommand") from now on.
  /// REQUIRES: the table knows `name`.
  void route(std::string_view name, Handler& handler);

  /// While `pause` holds a request it is not handed to anybody.
  void obey(const ClientPause& pause) { pause_ = &pause; }
  /// REQUIRES: request.command is set.
  bool is_paused(const Request& request) const;

  /// Looks the request's command up (sets request.command and request.denied) and hands it to its
  /// handler.
  Taken dispatch(Client& client, Request& request);
  /// REQUIRES: request.command and request.denied are set.
  Taken handle(Client& client, Request& request) override;

 private:
  Handler& find(Client& client, Request& request);
  Handler& by_table(const Request& request);

  Defaults defaults_;
  const ClientPause* pause_ = nullptr;
  std::vector<Handler*> by_index_;  ///< By Command::index.
};

}  // namespace hawser
