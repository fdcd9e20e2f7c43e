#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/flag_source.hpp"

namespace hawser {

/// Exit codes of the process (sysexits.h).
enum class ExitCode : std::uint8_t { ok = 0, failure = 1, usage = 64, configuration = 78 };

/// What the command line asks for. A plain value.
struct CommandLine {
  enum class Command : std::uint8_t { run, check, config, wait, healthcheck, version, help };
  Command command = Command::run;
  std::optional<std::string> config_file;
  std::vector<config::Flag> flags;  ///< Those of the settings, in their order; known names only.
  bool defaults = false;            ///< config --defaults
  std::chrono::milliseconds wait_max{30000};  ///< wait --max
  std::string usage_error;  ///< If not empty, nothing else is to be used. Never has a password.
};

/// Takes the arguments after the program's name apart. Values of settings are looked at later,
/// when the configuration is loaded.
CommandLine parse_command_line(std::span<const std::string_view> arguments);

/// The text of --help.
std::string help_text();

}  // namespace hawser
