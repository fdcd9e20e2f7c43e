#include "proxy/admin/admin_server.hpp"

#include <chrono>
#include <string_view>
#include <utility>

#include "proxy/admin/process_stats.hpp"

namespace hawser {

AdminServer::AdminServer(std::string listen, const HealthView& health, OperatorActions& actions,
                         std::vector<const StatsSource*> sources, Logger& log,
                         bool readiness_follows_upstream)
    : listen_(std::move(listen)),
      log_stats_(log),
      sources_(std::move(sources)),
      endpoints_(
          health, actions, [this] { return render_metrics(sources_, read_process_stats()); },
          readiness_follows_upstream),
      http_(
          [this](const HttpRequest& request) {
            return endpoints_.answer(request, std::chrono::system_clock::now());
          },
          log) {
  sources_.push_back(&log_stats_);
}

std::optional<std::string> AdminServer::start() {
  return http_.start(listen_);
}

void AdminServer::stop() {
  http_.stop();
}

}  // namespace hawser
