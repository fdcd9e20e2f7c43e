#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/admin/health_view.hpp"
#include "proxy/admin/operator_actions.hpp"

namespace hawser {

/// One HTTP request, as far as it is looked at; header fields as they came, or empty.
struct HttpRequest {
  std::string_view method;
  std::string_view target;
  std::string_view host;
  std::string_view origin;
};

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
  Endpoints(const HealthView& health, OperatorActions& actions, MetricsRenderer metrics,
            bool readiness_follows_upstream)
      : health_(health),
        actions_(actions),
        metrics_(std::move(metrics)),
        readiness_follows_upstream_(readiness_follows_upstream) {}

  /// A query in the target is ignored. `now` is shown by /health/redis. Changes are asked by POST,
  /// and not from pages in a browser: those carry an Origin, or the name of another host.
  HttpResponse answer(const HttpRequest& request, std::chrono::system_clock::time_point now) const;

 private:
  HttpResponse live() const;
  HttpResponse ready() const;
  HttpResponse started() const;
  HttpResponse redis(std::chrono::system_clock::time_point now) const;

  const HealthView& health_;
  OperatorActions& actions_;
  MetricsRenderer metrics_;
  bool readiness_follows_upstream_;
};

}  // namespace hawser
