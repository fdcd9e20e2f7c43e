#include "config/upstream_source.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

#include "config/setting_values.hpp"
#include "config/url_parts.hpp"

namespace hawser::config {
namespace {

const std::string* find(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? nullptr : &found->second;
}

void read_url(const std::string& text, std::string_view origin, UpstreamResult& result) {
  if (auto problem = values::check_upstream(text)) {
    result.errors.push_back(std::string(origin) + ": " + *problem);
    return;
  }
  result.url = *parse_redis_url(text);
}

void read_host(const std::string& text, UpstreamResult& result) {
  if (text.find("://") != std::string::npos) {
    result.errors.emplace_back("REDIS_HOST: a URL where a host is expected (name it REDIS_URL)");
    return;
  }
  // An IPv6 address comes with or without brackets here.
  const bool bare_ipv6 = text.find(':') != text.rfind(':') && !text.starts_with('[');
  const auto where = url::parse_host_port(bare_ipv6 ? "[" + text + "]" : text, "REDIS_HOST=redis");
  if (!where) {
    result.errors.push_back("REDIS_HOST: " + where.error().message);
  } else if (where->port) {
    result.errors.emplace_back("REDIS_HOST: a port in the host (put it in REDIS_PORT)");
  } else {
    result.url.host = where->host;
  }
}

void read_port(const std::string& text, UpstreamResult& result) {
  if (text.starts_with("tcp://")) {
    // Kubernetes puts this there for a service called "redis".
    result.warnings.push_back("REDIS_PORT: ignored, it is a Kubernetes service link (got " + text +
                              ", want a number)");
    return;
  }
  const auto port = url::parse_number(text, 65535);
  if (port && *port > 0) {
    result.url.port = static_cast<std::uint16_t>(*port);
  } else {
    result.errors.push_back("REDIS_PORT: bad port (got " + (text.empty() ? "nothing" : text) +
                            ", want a number from 1 to 65535)");
  }
}

void read_database(const std::string& text, UpstreamResult& result) {
  const auto number = url::parse_number(text, std::numeric_limits<int>::max());
  if (number) {
    result.url.db = static_cast<int>(*number);
  } else {
    result.errors.push_back("REDIS_DB: bad database (got " + (text.empty() ? "nothing" : text) +
                            ", want a number such as 0)");
  }
}

/// The variables that together stand for a URL; true if there is any.
bool read_single_variables(const Environment& environment, UpstreamResult& result) {
  const auto* host = find(environment, "REDIS_HOST");
  const auto* port = find(environment, "REDIS_PORT");
  const auto* password = find(environment, "REDIS_PASSWORD");
  const auto* database = find(environment, "REDIS_DB");
  if (host != nullptr) read_host(*host, result);
  if (port != nullptr) read_port(*port, result);
  if (password != nullptr) result.url.password = *password;
  if (database != nullptr) read_database(*database, result);
  const auto* first = host != nullptr       ? "REDIS_HOST"
                      : port != nullptr     ? "REDIS_PORT"
                      : password != nullptr ? "REDIS_PASSWORD"
                                            : "REDIS_DB";
  if (host == nullptr && port == nullptr && password == nullptr && database == nullptr) {
    return false;
  }
  result.origin = first;
  return true;
}

void read_password(const std::string& path, std::string_view origin, UpstreamResult& result) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!std::getline(file, line)) {
    const std::string why = errno != 0 ? std::strerror(errno) : "it is empty";
    result.errors.push_back(std::string(origin) + ": no password in " + path + ": " + why);
    return;
  }
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) {
    result.errors.push_back(std::string(origin) + ": the first line of " + path + " is empty");
    return;
  }
  result.url.password = std::move(line);
}

}  // namespace

UpstreamResult find_upstream(const Settings::Upstream& settings, const Environment& environment) {
  UpstreamResult result;
  if (!settings.url.empty()) {
    read_url(settings.url, "upstream.url", result);
  } else if (const auto* url = find(environment, "REDIS_URL")) {
    result.origin = "REDIS_URL";
    read_url(*url, result.origin, result);
  } else if (!read_single_variables(environment, result)) {
    result.warnings.push_back("upstream.url: no Redis URL was given, using " +
                              result.url.redacted());
  }
  if (!result.url.password.empty()) return result;
  if (!settings.password_file.empty()) {
    read_password(settings.password_file, "upstream.password_file", result);
  } else if (const auto* folder = find(environment, "CREDENTIALS_DIRECTORY")) {
    const auto path = std::filesystem::path(*folder) / "upstream-password";
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) {
      read_password(path.string(), "CREDENTIALS_DIRECTORY", result);
    }
  }
  return result;
}

}  // namespace hawser::config
