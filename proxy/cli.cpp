#include "proxy/cli.hpp"

#include <algorithm>
#include <array>

#include "config/duration.hpp"
#include "config/reference.hpp"
#include "config/suggestion.hpp"

namespace hawser {
namespace {

using Command = CommandLine::Command;

struct CommandName {
  std::string_view name;
  Command command;
};

constexpr std::array<CommandName, 7> kCommands = {{{"run", Command::run},
                                                   {"check", Command::check},
                                                   {"config", Command::config},
                                                   {"wait", Command::wait},
                                                   {"healthcheck", Command::healthcheck},
                                                   {"version", Command::version},
                                                   {"help", Command::help}}};

constexpr std::string_view kUsage =
    "hawser stands between an application and Redis: one pipelined connection in place of dozens.\n"
    "\n"
    "Usage:\n"
    "  hawser [run] [UPSTREAM] [flags]   serve; UPSTREAM is a Redis URL such as "
    "redis://redis:6379\n"
    "  hawser check --config FILE        is the configuration right?\n"
    "  hawser config [--defaults]        the configuration in effect (passwords hidden), or an\n"
    "                                    annotated file with the defaults\n"
    "  hawser wait [--max 30s]           until the running hawser is connected to Redis\n"
    "  hawser healthcheck                is the running hawser ready? (answers within 2s)\n"
    "  hawser version\n"
    "\n"
    "Flags:\n"
    "  --config FILE             A TOML file\n";

constexpr std::string_view kMore =
    "  --help, --version\n"
    "\n"
    "check and config take the flags of run; wait and healthcheck take --config and --admin.\n"
    "\n"
    "A flag is stronger than an environment variable, that is stronger than the file. The\n"
    "environment variable of section.name is HAWSER_SECTION_NAME; HAWSER_UPSTREAM is "
    "upstream.url.\n"
    "Where no upstream is given, REDIS_URL is used, then REDIS_HOST, REDIS_PORT, REDIS_PASSWORD\n"
    "and REDIS_DB, then redis://127.0.0.1:6379. Passwords belong in the environment or in\n"
    "upstream.password_file, not in a flag.\n"
    "\n"
    "Settings, with their defaults (\"hawser config --defaults\" tells more):\n";

constexpr std::string_view kExit =
    "\n"
    "Exit code: 0 ok, 64 wrong usage, 78 wrong configuration, 1 anything else.\n";

/// One pass over the arguments. Lives for one call of parse_command_line.
class Parser {
 public:
  explicit Parser(std::span<const std::string_view> arguments) : rest_(arguments) {}

  CommandLine parse();

 private:
  void read_command();
  void read_flag(std::string_view argument);
  void read_setting_flag(std::string_view name, std::optional<std::string_view> attached);
  void read_positional(std::string_view argument);
  void check_whole();
  std::optional<std::string_view> value_of(std::string_view flag,
                                           std::optional<std::string_view> attached);
  bool takes(std::string_view flag) const;
  void fail(std::string message);

  std::span<const std::string_view> rest_;
  CommandLine line_;
  std::string_view command_name_ = "run";
  bool has_upstream_ = false;
};

CommandLine Parser::parse() {
  read_command();
  while (!rest_.empty() && line_.usage_error.empty()) {
    const auto argument = rest_.front();
    rest_ = rest_.subspan(1);
    // Asking for help or the version is never wrong, whatever stands around it.
    if (argument == "--help" || argument == "-h") {
      CommandLine help;
      help.command = Command::help;
      return help;
    }
    if (argument == "--version") {
      CommandLine version;
      version.command = Command::version;
      return version;
    }
    if (argument.starts_with("-")) {
      read_flag(argument);
    } else {
      read_positional(argument);
    }
  }
  if (line_.usage_error.empty()) check_whole();
  return std::move(line_);
}

void Parser::read_command() {
  if (rest_.empty()) return;
  const auto word = rest_.front();
  for (const CommandName& known : kCommands) {
    if (known.name != word) continue;
    line_.command = known.command;
    command_name_ = known.name;
    rest_ = rest_.subspan(1);
    return;
  }
}

void Parser::read_flag(std::string_view argument) {
  const auto equals = argument.find('=');
  const auto name = argument.substr(0, equals);
  std::optional<std::string_view> attached;
  if (equals != std::string_view::npos) attached = argument.substr(equals + 1);

  if (!takes(name)) {
    std::vector<std::string_view> known = {"--help", "--version"};
    for (const std::string_view own : {"--config", "--defaults", "--max"}) {
      if (takes(own)) known.push_back(own);
    }
    for (const config::Setting& setting : config::setting_table()) {
      if (takes(setting.flag)) known.push_back(setting.flag);
    }
    return fail("hawser " + std::string(command_name_) + " has no flag " + std::string(name) +
                config::did_you_mean(name, known));
  }
  if (name == "--defaults") {
    if (attached) return fail("--defaults takes no value");
    line_.defaults = true;
  } else if (name == "--config") {
    if (line_.config_file) return fail("--config is given twice");
    if (const auto value = value_of(name, attached)) line_.config_file = std::string(*value);
  } else if (name == "--max") {
    const auto value = value_of(name, attached);
    if (!value) return;
    const auto duration = config::parse_duration(*value);
    if (!duration) {
      return fail("--max: bad duration (got " + std::string(*value) +
                  ", want a number and a unit, as in 30s)");
    }
    line_.wait_max = *duration;
  } else {
    read_setting_flag(name, attached);
  }
}

void Parser::read_setting_flag(std::string_view name, std::optional<std::string_view> attached) {
  const auto value = value_of(name, attached);
  if (!value) return;
  const bool upstream = name == "--upstream";
  if (upstream && has_upstream_) return fail("the upstream is given twice");
  has_upstream_ = has_upstream_ || upstream;
  const bool repeatable =
      config::find_setting_by_flag(name)->type == config::SettingType::text_list;
  const auto given = std::any_of(line_.flags.begin(), line_.flags.end(),
                                 [name](const config::Flag& flag) { return flag.name == name; });
  if (given && !repeatable) return fail(std::string(name) + " is given twice");
  line_.flags.push_back({std::string(name), std::string(*value)});
}

void Parser::read_positional(std::string_view argument) {
  if (argument.find("://") == std::string_view::npos) {
    std::array<std::string_view, kCommands.size()> names;
    std::transform(kCommands.begin(), kCommands.end(), names.begin(),
                   [](const CommandName& known) { return known.name; });
    // What is no command may be anything, a password too.
    return fail("not a command and not a Redis URL (which contains ://)" +
                config::did_you_mean(argument, names));
  }
  if (!takes("--upstream")) {
    return fail("hawser " + std::string(command_name_) + " takes no Redis URL");
  }
  if (has_upstream_) return fail("the upstream is given twice");
  has_upstream_ = true;
  line_.flags.push_back({"--upstream", std::string(argument)});
}

void Parser::check_whole() {
  if (line_.command == Command::check && !line_.config_file) {
    return fail("hawser check needs --config FILE");
  }
  if (line_.defaults && (line_.config_file || !line_.flags.empty())) {
    return fail("--defaults stands alone: it tells what holds without any other setting");
  }
}

std::optional<std::string_view> Parser::value_of(std::string_view flag,
                                                 std::optional<std::string_view> attached) {
  if (!attached && !rest_.empty() && !rest_.front().starts_with("--")) {
    attached = rest_.front();
    rest_ = rest_.subspan(1);
  }
  if (!attached || attached->empty()) {
    fail(std::string(flag) + " needs a value");
    return std::nullopt;
  }
  return attached;
}

/// Whether the command has this flag.
bool Parser::takes(std::string_view flag) const {
  switch (line_.command) {
    case Command::version:
    case Command::help:
      return false;
    case Command::wait:
      return flag == "--config" || flag == "--admin" || flag == "--max";
    case Command::healthcheck:
      return flag == "--config" || flag == "--admin";
    case Command::config:
      if (flag == "--defaults") return true;
      break;
    case Command::run:
    case Command::check:
      break;
  }
  return flag == "--config" || config::find_setting_by_flag(flag) != nullptr;
}

void Parser::fail(std::string message) {
  line_.usage_error = std::move(message);
}

}  // namespace

CommandLine parse_command_line(std::span<const std::string_view> arguments) {
  return Parser(arguments).parse();
}

std::string help_text() {
  std::string text(kUsage);
  text += config::flag_reference();
  text += kMore;
  text += config::key_reference();
  text += kExit;
  return text;
}

}  // namespace hawser
