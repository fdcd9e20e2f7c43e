#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "protocol/limits.hpp"
#include "proxy/log.hpp"
#include "proxy/runtime/connector.hpp"
#include "proxy/runtime/loop.hpp"
#include "proxy/traffic/lane_events.hpp"
#include "proxy/upstream/client_scripts.hpp"
#include "proxy/upstream/connect_gate.hpp"
#include "proxy/upstream/handshake.hpp"
#include "proxy/upstream/health.hpp"
#include "proxy/upstream/lane.hpp"
#include "proxy/upstream/script_book.hpp"
#include "proxy/upstream/upstream_stats.hpp"
#include "proxy/upstream/users.hpp"

namespace hawser {

/// What everything inside upstream/ works with. Owned by Upstream and as old as it.
struct UpstreamParts {
  Loop& loop;
  Logger& log;
  const config::Settings& settings;
  const protocol::Limits limits;
  const Endpoint endpoint;
  const std::string instance;  ///< Second part of the names of connections.
  const std::string version;   ///< Of hawser.
  UpstreamStats stats;
  Health health;
  ConnectGate gate;
  Users users;
  std::vector<LaneEvents*> listeners;
  /// Has every connection made anew, since another server is the primary; false if that was done a
  /// moment ago.
  std::function<bool()> leave_server;
  std::string run_id;  ///< Of the server the last main lane was opened to; empty: not known.
  ScriptBook scripts;
  ClientScripts client_scripts;
  std::string server_version;  ///< As the last handshake told; empty before.
  bool lacks_hello = false;    ///< It did not know HELLO: a server before Redis 6.

  std::string connection_name(LaneRole role) const {
    return "hawser:" + instance + ":" + std::string(lane_role_name(role));
  }
  Lane::Parts lane_parts(LaneRole role) {
    return {
        loop, limits, stats, role, settings.buffers.max_bytes, health, settings.timeout.command};
  }
  HandshakePlan plan(const Context& context, LaneRole role) const {
    const Users::Credentials& login = users.credentials(context.user);
    return {.resp = context.resp,
            .user = login.user,
            .password = login.password,
            .database = context.database,
            .name = connection_name(role),
            .version = version,
            .predecessors = {}};
  }
};

}  // namespace hawser
