#include "config/load.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>

#include "config/duration.hpp"
#include "config/env_source.hpp"
#include "config/self_loop.hpp"
#include "config/setting_values.hpp"
#include "config/toml_source.hpp"
#include "config/upstream_source.hpp"

namespace hawser::config {
namespace {

void take(SourceResult source, LoadResult& result) {
  for (std::string& error : source.errors) result.errors.push_back(std::move(error));
  for (std::string& warning : source.warnings) result.warnings.push_back(std::move(warning));
  for (const Assignment& assignment : source.assignments) {
    if (apply(assignment, result.settings, result.errors)) {
      result.origins[std::string(assignment.setting->key)] = assignment.origin;
    }
  }
  for (SourcedRule& sourced : source.cache_rules) {
    auto& rules = result.settings.cache.rules;
    result.origins[cache_rule_key(rules.size())] = std::move(sourced.origin);
    rules.push_back(std::move(sourced.rule));
  }
}

void read_file(const std::string& path, LoadResult& result) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, 4096> part{};
  while (file.good()) {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  }
  // Opening a folder succeeds, reading it does not.
  if (!file.eof()) {
    result.errors.push_back(path + ": cannot be read: " + std::strerror(errno));
    return;
  }
  take(read_toml(text, path), result);
}

/// Tells that two settings do not fit, at the place where one of them was written.
void mismatch(const LoadResult& loaded, std::string_view key, std::string_view other,
              std::string problem, std::vector<std::string>& errors) {
  std::string text = std::string(key) + ": " + std::move(problem);
  for (const std::string_view candidate : {key, other}) {
    const auto origin = loaded.origins.find(candidate);
    if (origin == loaded.origins.end()) continue;
    text.insert(0, origin->second + ": ");
    break;
  }
  errors.push_back(std::move(text));
}

void check_order(std::string_view key, Milliseconds value, std::string_view limit_key,
                 Milliseconds limit, LoadResult& result) {
  if (value <= limit) return;
  mismatch(result, key, limit_key,
           "longer than " + std::string(limit_key) + " (got " + format_duration(value) +
               ", want at most " + format_duration(limit) + ")",
           result.errors);
}

void check_listeners(LoadResult& result) {
  for (const std::string& text : result.settings.listen.urls) {
    const auto url = parse_listen_url(text);
    if (!url) continue;  // Told when the value was applied.
    for (const ListenUrl& other : result.listeners) {
      if (other.text() != url->text()) continue;
      // Two listeners on "any free port" are two ports.
      if (url->transport == ListenUrl::Transport::tcp && url->port == 0) continue;
      mismatch(result, "listen.urls", "", "the same listener twice (got " + text + ")",
               result.errors);
    }
    result.listeners.push_back(*url);
  }
}

void check_commands(std::span<const std::string_view> known, LoadResult& result) {
  for (const std::string& name : result.settings.commands.deny) {
    if (auto wrong = values::check_command(name, known)) {
      mismatch(result, "commands.deny", "", std::move(*wrong), result.errors);
    }
  }
}

/// A program on a production host that talks to its own loopback is mostly a forgotten setting.
void warn_of_localhost(const Environment& environment, LoadResult& result) {
  static constexpr std::array<std::string_view, 3> kNames = {"APP_ENV", "NODE_ENV", "RAILS_ENV"};
  if (result.upstream.transport == RedisUrl::Transport::unix_socket) return;
  const std::string& host = result.upstream.host;
  if (host != "localhost" && host != "::1" && !host.starts_with("127.")) return;
  for (const std::string_view name : kNames) {
    const auto found = environment.find(name);
    if (found == environment.end() || found->second != "production") continue;
    result.warnings.push_back("upstream.url: the upstream " + result.upstream.redacted() +
                              " is on this very host, although " + std::string(name) +
                              " says production");
    return;
  }
}

}  // namespace

LoadResult load_settings(const Sources& sources) {
  LoadResult result;
  if (sources.file) read_file(*sources.file, result);
  take(read_environment(sources.environment), result);
  take(read_flags(sources.flags), result);
  return result;
}

LoadResult load(const Sources& sources) {
  LoadResult result = load_settings(sources);
  const Settings& settings = result.settings;
  check_order("timeout.command", settings.timeout.command, "timeout.total", settings.timeout.total,
              result);
  check_order("reconnect.backoff_min", settings.reconnect.backoff_min, "reconnect.backoff_max",
              settings.reconnect.backoff_max, result);
  check_order("retry.delay_min", settings.retry.delay_min, "retry.delay_max",
              settings.retry.delay_max, result);
  check_order("circuit.hold_min", settings.circuit.hold_min, "circuit.hold_max",
              settings.circuit.hold_max, result);
  check_listeners(result);
  check_commands(sources.commands, result);

  auto upstream = find_upstream(settings.upstream, sources.environment);
  for (std::string& error : upstream.errors) result.errors.push_back(std::move(error));
  for (std::string& warning : upstream.warnings) result.warnings.push_back(std::move(warning));
  result.upstream = std::move(upstream.url);
  if (settings.upstream.url.empty() && !upstream.origin.empty()) {
    result.origins["upstream.url"] = upstream.origin;
  }
  if (result.ok()) {
    if (auto loop = find_self_loop(result.upstream, result.listeners)) {
      mismatch(result, "upstream.url", "listen.urls", std::move(*loop), result.errors);
    }
    warn_of_localhost(sources.environment, result);
  }
  return result;
}

}  // namespace hawser::config
