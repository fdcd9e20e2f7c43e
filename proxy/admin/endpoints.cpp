#include "proxy/admin/endpoints.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "proxy/log_format.hpp"

namespace hawser {
namespace {

enum class Path { live, ready, started, metrics, redis, circuit_open, circuit_close, circuit_auto };

struct NamedPath {
  std::string_view name;
  Path path;
};

constexpr std::array<NamedPath, 9> kPaths = {{{"/livez", Path::live},
                                              {"/healthz", Path::live},
                                              {"/readyz", Path::ready},
                                              {"/startupz", Path::started},
                                              {"/metrics", Path::metrics},
                                              {"/health/redis", Path::redis},
                                              {"/circuit/open", Path::circuit_open},
                                              {"/circuit/close", Path::circuit_close},
                                              {"/circuit/auto", Path::circuit_auto}}};

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

HttpResponse wrong_method(bool is_change) {
  HttpResponse response;
  response.status = 405;
  response.allow = is_change ? "POST" : "GET, HEAD";
  response.body =
      is_change ? "method not allowed; use POST\n" : "method not allowed; use GET or HEAD\n";
  return response;
}

/// An address, or this machine: never a name that some page has had resolved to it.
bool is_own_host(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool bracketed = host.starts_with('[');
  if (!bracketed && colon != std::string_view::npos) host = host.substr(0, colon);
  return bracketed || host == "localhost" ||
         (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos);
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

HttpResponse Endpoints::answer(const HttpRequest& request,
                               std::chrono::system_clock::time_point now) const {
  const std::string_view target = request.target.substr(0, request.target.find('?'));
  std::optional<Path> path;
  for (const NamedPath& entry : kPaths) {
    if (entry.name == target) path = entry.path;
  }
  if (!path) return not_found();
  const bool is_change = *path >= Path::circuit_open;
  const bool fits =
      is_change ? request.method == "POST" : request.method == "GET" || request.method == "HEAD";
  if (!fits) return wrong_method(is_change);
  if (is_change && (!request.origin.empty() || !is_own_host(request.host))) {
    HttpResponse response;
    response.status = 403;
    response.body = "changes are not taken from web pages or under another host's name\n";
    return response;
  }
  switch (*path) {
    case Path::live:
      return live();
    case Path::ready:
      return ready();
    case Path::started:
      return started();
    case Path::redis:
      return redis(now);
    case Path::circuit_open:
      actions_.set_circuit(CircuitOrder::open);
      return fine();
    case Path::circuit_close:
      actions_.set_circuit(CircuitOrder::close);
      return fine();
    case Path::circuit_auto:
      actions_.set_circuit(CircuitOrder::automatic);
      return fine();
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
