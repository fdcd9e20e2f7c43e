#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/admin/endpoints.hpp"
#include "proxy/admin/health_view.hpp"
#include "proxy/admin/http_server.hpp"
#include "proxy/admin/metrics.hpp"
#include "proxy/log.hpp"
#include "proxy/traffic/stats_source.hpp"

namespace hawser {

/// Health, metrics and the operator's orders over HTTP. Owned by Server, which calls it from the
/// main thread; it answers on a thread of its own and never waits for the data thread. Adds the
/// figures of the process and of the log to those of `sources`.
class AdminServer {
 public:
  /// `listen` as in HttpServer::start(). `health`, the sources and `log` must outlive this.
  AdminServer(std::string listen, const HealthView& health, OperatorActions& actions,
              std::vector<const StatsSource*> sources, Logger& log,
              bool readiness_follows_upstream);

  /// Returns why it cannot listen; then it does not run.
  std::optional<std::string> start();
  /// The bound port; 0 before start().
  std::uint16_t port() const { return http_.port(); }
  /// No source and no view is called any more afterwards. May be called twice.
  void stop();

 private:
  std::string listen_;
  LogStats log_stats_;
  std::vector<const StatsSource*> sources_;
  Endpoints endpoints_;
  HttpServer http_;  // last, so that its thread has ended before the rest goes
};

}  // namespace hawser
