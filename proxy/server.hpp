#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "config/redis_url.hpp"
#include "config/settings.hpp"
#include "proxy/log.hpp"

namespace hawser {

/// Everything a running hawser consists of, wired together, from start to drained end. Nothing in
/// the process is global: several could run side by side. Owned by main.
class Server {
 public:
  /// Loads the configuration again; nothing if it has errors, which it then has logged.
  using Reload = std::function<std::optional<config::Settings>(Logger&)>;

  Server(const config::Settings& settings, const config::RedisUrl& upstream,
         std::vector<config::ListenUrl> listen, Reload reload);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens, serves until a signal ends it, drains; returns the exit code.
  int run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Runs one Server; the exit code is 0 after an orderly end, 1 if it could not start.
int run_server(const config::Settings& settings, const config::RedisUrl& upstream,
               std::vector<config::ListenUrl> listen, Server::Reload reload);

}  // namespace hawser
