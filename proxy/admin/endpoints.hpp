#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/admin/health_view.hpp"

namespace hawser {

/// One HTTP answer. For HEAD the server sends it without the body.
struct HttpResponse {
  unsigned status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view allow;  ///< The methods there are; with status 405 only.
  std::string body;
};

/// Which path gives which answer. Owned by AdminServer, used from the admin thread only; pure but
/// for the view and the renderer it was given, which must outlive it.
class Endpoints {
 public:
  using MetricsRenderer = std::function<std::string()>;

  /// A data loop that did not turn for so long is not alive.
  static constexpr std::chrono::milliseconds kHeartbeatLimit{5000};

  /// With `readiness_follows_upstream` /readyz also wants Redis to be reachable.
  Endpoints(const HealthView& health, MetricsRenderer metrics, bool readiness_follows_upstream)
      : health_(health),
        metrics_(std::move(metrics)),
        readiness_follows_upstream_(readiness_follows_upstream) {}

  /// `target` as in the request line; a query is ignored. `now` is shown by /health/redis.
  HttpResponse answer(std::string_view method, std::string_view target,
                      std::chrono::system_clock::time_point now) const;

 private:
  HttpResponse live() const;
  HttpResponse ready() const;
  HttpResponse started() const;
  HttpResponse redis(std::chrono::system_clock::time_point now) const;

  const HealthView& health_;
  MetricsRenderer metrics_;
  bool readiness_follows_upstream_;
};

}  // namespace hawser
