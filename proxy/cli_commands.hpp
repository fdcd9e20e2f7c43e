#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "config/load.hpp"
#include "proxy/cli.hpp"

namespace hawser {

/// The sources of the configuration that a command line and an environment make up.
config::Sources sources_of(const CommandLine& line, config::Environment environment);

/// Writes the errors of `loaded`, one a line, as a user reads them.
void print_errors(const config::LoadResult& loaded, std::ostream& err);

/// Everything but `run`, and usage errors: does it, writes to `out` and `err`, gives the exit
/// code. REQUIRES: line.command is not run, or line.usage_error is set.
ExitCode execute(const CommandLine& line, const config::Environment& environment, std::ostream& out,
                 std::ostream& err);

/// Where the subcommands find a hawser whose admin.listen is `listen`: "any address" is this
/// machine.
std::string admin_target(const std::string& listen);

}  // namespace hawser
