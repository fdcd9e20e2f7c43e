#include <unistd.h>

#include <exception>
#include <iostream>
#include <optional>
#include <string_view>
#include <vector>

#include "config/load.hpp"
#include "proxy/cli.hpp"
#include "proxy/cli_commands.hpp"
#include "proxy/log.hpp"
#include "proxy/server.hpp"

namespace {

hawser::config::Environment read_environment() {
  hawser::config::Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

/// In the form the log has from now on: whoever collects it finds them there.
void log_warnings(const hawser::config::LoadResult& loaded) {
  if (loaded.warnings.empty()) return;
  hawser::Logger logger(static_cast<hawser::LogLevel>(loaded.settings.log.level),
                        static_cast<hawser::LogFormat>(loaded.settings.log.format));
  for (const auto& warning : loaded.warnings) logger.warn(warning);
}

int run(const hawser::CommandLine& line, hawser::config::Environment environment) {
  const auto sources = hawser::sources_of(line, std::move(environment));
  const auto loaded = hawser::config::load(sources);
  if (!loaded.ok()) {
    hawser::print_errors(loaded, std::cerr);
    return static_cast<int>(hawser::ExitCode::configuration);
  }
  log_warnings(loaded);
  const auto reload = [&sources](hawser::Logger& log) -> std::optional<hawser::config::Settings> {
    const auto again = hawser::config::load(sources);
    for (const auto& error : again.errors)
      log.error("configuration not reloaded", {{"reason", error}});
    if (!again.ok()) return std::nullopt;
    return again.settings;
  };
  return hawser::run_server(loaded.settings, loaded.upstream, loaded.listeners, reload);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string_view> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    const auto line = hawser::parse_command_line(arguments);
    if (line.usage_error.empty() && line.command == hawser::CommandLine::Command::run) {
      return run(line, read_environment());
    }
    return static_cast<int>(hawser::execute(line, read_environment(), std::cout, std::cerr));
  } catch (const std::exception& error) {
    std::cerr << "hawser: " << error.what() << "\n";
    return static_cast<int>(hawser::ExitCode::failure);
  }
}
