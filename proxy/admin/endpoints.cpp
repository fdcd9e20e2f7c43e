#include "proxy/admin/endpoints.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "proxy/log_format.hpp"

namespace hawser {
namespace {

enum class Path { live, ready, started, metrics, redis };

struct NamedPath {
  std::string_view name;
  Path path;
};

constexpr std::array<NamedPath, 6> kPaths = {{{"/livez", Path::live},
                                              {"/healthz", Path::live},
                                              {"/readyz", Path::ready},
                                              {"/startupz", Path::started},
                                              {"/metrics", Path::metrics},
                                              {"/health/redis", Path::redis}}};

HttpResponse fine() {
  HttpResponse response;
  response.body = "ok\n";
  return response;
}

HttpResponse unavailable(std::string why) {
  HttpResponse response;
  response.status = 503;
  response.body = std::move(why);
  response.body += '\n';
  return response;
}

HttpResponse not_found() {
  HttpResponse response;
  response.status = 404;
  response.body = "not found; there are:\n";
  for (const NamedPath& entry : kPaths) {
    response.body += entry.name;
    response.body += '\n';
  }
  return response;
}

HttpResponse wrong_method() {
  HttpResponse response;
  response.status = 405;
  response.allow = "GET, HEAD";
  response.body = "method not allowed; use GET or HEAD\n";
  return response;
}

void append_member(std::string& out, std::string_view key, std::string_view value) {
  append_json_string(out, key);
  out += ':';
  append_json_string(out, value);
  out += ',';
}

/// In thousandths, as more digits tell nothing; null if there is no figure.
void append_latency(std::string& out, double milliseconds) {
  if (!std::isfinite(milliseconds) || milliseconds < 0) {
    out += "null";
    return;
  }
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                    std::round(milliseconds * 1000) / 1000);
  out.append(buffer.data(), result.ptr);
}

}  // namespace

HttpResponse Endpoints::answer(std::string_view method, std::string_view target,
                               std::chrono::system_clock::time_point now) const {
  target = target.substr(0, target.find('?'));
  std::optional<Path> path;
  for (const NamedPath& entry : kPaths) {
    if (entry.name == target) path = entry.path;
  }
  if (!path) return not_found();
  if (method != "GET" && method != "HEAD") return wrong_method();
  switch (*path) {
    case Path::live:
      return live();
    case Path::ready:
      return ready();
    case Path::started:
      return started();
    case Path::redis:
      return redis(now);
    case Path::metrics:
      break;
  }
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_();
  return response;
}

HttpResponse Endpoints::live() const {
  const std::chrono::milliseconds age = health_.heartbeat_age();
  if (age <= kHeartbeatLimit) return fine();
  return unavailable("the data loop did not turn for " + std::to_string(age.count()) + " ms");
}

HttpResponse Endpoints::ready() const {
  if (health_.draining()) return unavailable("draining");
  if (!health_.listening()) return unavailable("not listening yet");
  if (readiness_follows_upstream_ && !health_.redis().ok) return unavailable("redis is not there");
  return fine();
}

HttpResponse Endpoints::started() const {
  return health_.listening() ? fine() : unavailable("not listening yet");
}

HttpResponse Endpoints::redis(std::chrono::system_clock::time_point now) const {
  const HealthView::RedisHealth health = health_.redis();
  HttpResponse response;
  response.status = health.ok ? 200 : 503;
  response.content_type = "application/json";
  std::string& out = response.body;
  out += '{';
  append_member(out, "main", health.main);
  append_member(out, "subscriber", health.subscriber);
  append_member(out, "publisher", health.publisher);
  append_member(out, "circuit", health.circuit);
  out += R"("latency_ms":)";
  append_latency(out, health.latency_ms);
  out += R"(,"timestamp":")";
  append_timestamp(out, now);
  out += "\"}\n";
  return response;
}

}  // namespace hawser
