#include "proxy/cli_commands.hpp"

#include <algorithm>
#include <ostream>
#include <thread>

#include "config/duration.hpp"
#include "config/reference.hpp"
#include "config/url_parts.hpp"
#include "protocol/command_table.hpp"
#include "proxy/cli_http.hpp"

namespace hawser {
namespace {

using Clock = std::chrono::steady_clock;
using Command = CommandLine::Command;

constexpr std::chrono::seconds kHealthDeadline{2};
constexpr std::chrono::milliseconds kWaitPause{200};

void print_warnings(const config::LoadResult& loaded, std::ostream& err) {
  for (const std::string& warning : loaded.warnings) err << "hawser: warning: " << warning << "\n";
}

ExitCode check(const config::LoadResult& loaded, std::ostream& out, std::ostream& err) {
  if (!loaded.ok()) {
    print_errors(loaded, err);
    return ExitCode::configuration;
  }
  print_warnings(loaded, err);
  out << "configuration OK\n";
  return ExitCode::ok;
}

ExitCode show(const config::LoadResult& loaded, std::ostream& out, std::ostream& err) {
  if (!loaded.ok()) {
    print_errors(loaded, err);
    return ExitCode::configuration;
  }
  print_warnings(loaded, err);
  out << config::effective_configuration(loaded);
  return ExitCode::ok;
}

std::string describe(const HttpAnswer& answer) {
  return answer.status == 0 ? answer.error : "status " + std::to_string(answer.status);
}

ExitCode healthcheck(const std::string& admin, std::ostream& out, std::ostream& err) {
  const auto answer = http_get(admin, "/readyz", Clock::now() + kHealthDeadline);
  if (answer.status == 200) {
    out << "ready\n";
    return ExitCode::ok;
  }
  err << "hawser: not ready: http://" << admin << "/readyz: " << describe(answer) << "\n";
  return ExitCode::failure;
}

ExitCode wait(const std::string& admin, std::chrono::milliseconds max, std::ostream& out,
              std::ostream& err) {
  const auto start = Clock::now();
  // Years are as good as for ever, and do not overflow the clock.
  const auto end = start + std::min<std::chrono::milliseconds>(max, std::chrono::hours(24 * 365));
  for (;;) {
    const auto now = Clock::now();
    const auto answer = http_get(admin, "/health/redis", std::min(end, now + kHealthDeadline));
    if (answer.status == 200) {
      out << "connected\n";
      return ExitCode::ok;
    }
    if (Clock::now() + kWaitPause >= end) {
      err << "hawser: not connected to Redis after " << config::format_duration(max) << ": http://"
          << admin << "/health/redis: " << describe(answer) << "\n";
      return ExitCode::failure;
    }
    std::this_thread::sleep_for(kWaitPause);
  }
}

/// wait and healthcheck: what they need of the configuration is one address.
ExitCode ask_running(const CommandLine& line, const config::Environment& environment,
                     std::ostream& out, std::ostream& err) {
  const auto loaded = config::load_settings(sources_of(line, environment));
  if (!loaded.ok()) {
    print_errors(loaded, err);
    return ExitCode::failure;
  }
  const std::string& listen = loaded.settings.admin.listen;
  if (listen == "off") {
    err << "hawser: admin.listen is off: there is nobody to ask\n";
    return ExitCode::failure;
  }
  const std::string admin = admin_target(listen);
  return line.command == Command::wait ? wait(admin, line.wait_max, out, err)
                                       : healthcheck(admin, out, err);
}

}  // namespace

config::Sources sources_of(const CommandLine& line, config::Environment environment) {
  std::vector<std::string_view> commands;
  for (const protocol::Command& row : protocol::all_commands()) commands.push_back(row.name);
  return {line.config_file, std::move(environment), line.flags, std::move(commands)};
}

void print_errors(const config::LoadResult& loaded, std::ostream& err) {
  for (const std::string& error : loaded.errors) err << "hawser: " << error << "\n";
}

std::string admin_target(const std::string& listen) {
  auto where = config::url::parse_host_port(listen, listen);
  if (!where || !where->port) return listen;
  if (where->host == "0.0.0.0") where->host = "127.0.0.1";
  if (where->host == "::") where->host = "::1";
  return config::url::join_host_port(where->host, *where->port);
}

ExitCode execute(const CommandLine& line, const config::Environment& environment, std::ostream& out,
                 std::ostream& err) {
  if (!line.usage_error.empty()) {
    err << "hawser: " << line.usage_error << "\nTry 'hawser --help'.\n";
    return ExitCode::usage;
  }
  if (line.command == Command::help) {
    out << help_text();
    return ExitCode::ok;
  }
  if (line.command == Command::version) {
    out << "hawser " << HAWSER_VERSION << "\n";
    return ExitCode::ok;
  }
  if (line.defaults) {
    out << config::annotated_defaults();
    return ExitCode::ok;
  }
  if (line.command == Command::wait || line.command == Command::healthcheck) {
    return ask_running(line, environment, out, err);
  }
  const auto loaded = config::load(sources_of(line, environment));
  if (line.command == Command::check) return check(loaded, out, err);
  return show(loaded, out, err);
}

}  // namespace hawser
