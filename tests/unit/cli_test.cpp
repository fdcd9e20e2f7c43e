#include "proxy/cli.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "config/reference.hpp"
#include "proxy/cli_commands.hpp"

namespace hawser {
namespace {

using Command = CommandLine::Command;

CommandLine parse(std::initializer_list<std::string_view> arguments) {
  const std::vector<std::string_view> list(arguments);
  return parse_command_line(list);
}

std::string usage_error(std::initializer_list<std::string_view> arguments) {
  return parse(arguments).usage_error;
}

/// Flags as "--name=value ...".
std::string flags(const CommandLine& line) {
  std::string text = line.usage_error;
  for (const auto& flag : line.flags) text += flag.name + "=" + flag.value + " ";
  return text;
}

struct Outcome {
  ExitCode code;
  std::string out;
  std::string err;
};

Outcome outcome(std::initializer_list<std::string_view> arguments,
                const config::Environment& environment = {}) {
  std::ostringstream out;
  std::ostringstream err;
  const auto code = execute(parse(arguments), environment, out, err);
  return {code, out.str(), err.str()};
}

TEST(CommandLine, NothingMeansRun) {
  const auto line = parse({});
  EXPECT_EQ(line.command, Command::run);
  EXPECT_EQ(line.usage_error, "");
  EXPECT_TRUE(line.flags.empty());
}

TEST(CommandLine, UpstreamMayStandByItself) {
  EXPECT_EQ(flags(parse({"redis://h"})), "--upstream=redis://h ");
  EXPECT_EQ(flags(parse({"run", "redis://h"})), "--upstream=redis://h ");
  EXPECT_EQ(flags(parse({"--admin", "off", "unix:///s"})), "--admin=off --upstream=unix:///s ");
}

TEST(CommandLine, UpstreamGivenTwiceIsAUsageError) {
  EXPECT_EQ(usage_error({"redis://a", "--upstream", "redis://b"}), "the upstream is given twice");
  EXPECT_EQ(usage_error({"--upstream", "redis://b", "redis://a"}), "the upstream is given twice");
  EXPECT_EQ(usage_error({"redis://a", "redis://b"}), "the upstream is given twice");
  EXPECT_EQ(usage_error({"--upstream=redis://a", "--upstream=redis://b"}),
            "the upstream is given twice");
}

TEST(CommandLine, ValuesStandBehindOrAttached) {
  const auto line = parse({"run", "--config", "f", "--listen=tcp://h:1", "--listen", "unix:///s",
                           "--log-level=debug", "--log-format", "json"});
  EXPECT_EQ(line.config_file, "f");
  EXPECT_EQ(flags(line),
            "--listen=tcp://h:1 --listen=unix:///s --log-level=debug --log-format=json ");
}

TEST(CommandLine, MissingValueIsAUsageError) {
  EXPECT_EQ(usage_error({"--config"}), "--config needs a value");
  EXPECT_EQ(usage_error({"--config="}), "--config needs a value");
  EXPECT_EQ(usage_error({"--listen", "--admin", "off"}), "--listen needs a value");
}

TEST(CommandLine, FlagGivenTwiceIsAUsageErrorUnlessItIsAList) {
  EXPECT_EQ(usage_error({"--admin", "a:1", "--admin", "b:1"}), "--admin is given twice");
  EXPECT_EQ(usage_error({"--config", "a", "--config", "b"}), "--config is given twice");
  EXPECT_EQ(usage_error({"--listen", "tcp://a:1", "--listen", "tcp://b:1"}), "");
}

TEST(CommandLine, UnknownFlagGetsASuggestion) {
  EXPECT_EQ(usage_error({"--lisen", "x"}),
            "hawser run has no flag --lisen, did you mean --listen?");
  EXPECT_EQ(usage_error({"--password", "x"}), "hawser run has no flag --password");
  EXPECT_EQ(usage_error({"-x"}), "hawser run has no flag -x");
}

TEST(CommandLine, UnknownCommandGetsASuggestion) {
  EXPECT_EQ(usage_error({"chekc"}),
            "not a command and not a Redis URL (which contains ://), did you mean check?");
  EXPECT_EQ(usage_error({"hunter2"}), "not a command and not a Redis URL (which contains ://)");
}

TEST(CommandLine, EachCommandHasItsOwnFlags) {
  EXPECT_EQ(usage_error({"healthcheck", "--admin", "h:1", "--config", "f"}), "");
  EXPECT_EQ(usage_error({"healthcheck", "--max", "1s"}), "hawser healthcheck has no flag --max");
  EXPECT_EQ(usage_error({"wait", "redis://h"}), "hawser wait takes no Redis URL");
  EXPECT_EQ(usage_error({"run", "--defaults"}), "hawser run has no flag --defaults");
  EXPECT_EQ(usage_error({"version", "--admin", "x"}), "hawser version has no flag --admin");
}

TEST(CommandLine, WaitHasALimit) {
  EXPECT_EQ(parse({"wait"}).wait_max, std::chrono::seconds(30));
  EXPECT_EQ(parse({"wait", "--max", "250ms"}).wait_max, std::chrono::milliseconds(250));
  EXPECT_EQ(usage_error({"wait", "--max", "30"}),
            "--max: bad duration (got 30, want a number and a unit, as in 30s)");
}

TEST(CommandLine, CheckNeedsAFile) {
  EXPECT_EQ(usage_error({"check"}), "hawser check needs --config FILE");
  EXPECT_EQ(parse({"check", "--config", "f"}).command, Command::check);
}

TEST(CommandLine, DefaultsStandAlone) {
  EXPECT_TRUE(parse({"config", "--defaults"}).defaults);
  EXPECT_EQ(usage_error({"config", "--defaults", "--admin", "off"}),
            "--defaults stands alone: it tells what holds without any other setting");
  EXPECT_EQ(usage_error({"config", "--defaults=yes"}), "--defaults takes no value");
}

TEST(CommandLine, HelpAndVersionAreFlagsAndCommands) {
  EXPECT_EQ(parse({"--help"}).command, Command::help);
  EXPECT_EQ(parse({"check", "-h"}).command, Command::help);
  EXPECT_EQ(parse({"help"}).command, Command::help);
  EXPECT_EQ(parse({"--version"}).command, Command::version);
  EXPECT_EQ(parse({"version"}).command, Command::version);
}

TEST(CliCommands, UsageErrorIs64) {
  const auto result = outcome({"--nonsense"});
  EXPECT_EQ(static_cast<int>(result.code), 64);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "hawser: hawser run has no flag --nonsense\nTry 'hawser --help'.\n");
}

TEST(CliCommands, HelpNamesFlagsAndSettings) {
  const auto result = outcome({"--help"});
  EXPECT_EQ(result.code, ExitCode::ok);
  for (const auto* text :
       {"--config", "--listen", "--upstream", "--admin", "--log-level", "--log-format", "REDIS_URL",
        "HAWSER_SECTION_NAME", "timeout.command", "hawser config --defaults"}) {
    EXPECT_NE(result.out.find(text), std::string::npos) << text;
  }
}

TEST(CliCommands, VersionIsOneLine) {
  const auto result = outcome({"version"});
  EXPECT_EQ(result.code, ExitCode::ok);
  EXPECT_TRUE(result.out.starts_with("hawser ")) << result.out;
  EXPECT_EQ(result.out.find('\n'), result.out.size() - 1);
}

TEST(CliCommands, DefaultsAreTheAnnotatedFile) {
  EXPECT_EQ(outcome({"config", "--defaults"}).out, config::annotated_defaults());
}

TEST(CliCommands, EffectiveConfigurationIsRedacted) {
  const auto result = outcome({"config"}, {{"REDIS_URL", "redis://:hunter2@h"}});
  EXPECT_EQ(result.code, ExitCode::ok);
  EXPECT_NE(result.out.find("redis://:***@h:6379/0"), std::string::npos);
  EXPECT_EQ(result.out.find("hunter2"), std::string::npos);
}

TEST(CliCommands, BadConfigurationIs78) {
  const auto check = outcome({"check", "--config", "/nowhere/h.toml"}, {{"REDIS_URL", "h"}});
  EXPECT_EQ(static_cast<int>(check.code), 78);
  EXPECT_EQ(check.out, "");
  EXPECT_EQ(check.err,
            "hawser: /nowhere/h.toml: cannot be read: No such file or directory\n"
            "hawser: REDIS_URL: the Redis URL has no scheme (write it like "
            "redis://127.0.0.1:6379/0)\n");
  EXPECT_EQ(outcome({"config"}, {{"HAWSER_CLIENTS_MAX", "x"}}).code, ExitCode::configuration);
}

TEST(CliCommands, GoodConfigurationIsSaidToBeOk) {
  const auto result = outcome({"check", "--config", "/dev/null"}, {{"REDIS_URL", "redis://h"}});
  EXPECT_EQ(result.code, ExitCode::ok);
  EXPECT_EQ(result.out, "configuration OK\n");
  EXPECT_EQ(result.err, "");
}

TEST(CliCommands, NobodyToAskIsAFailure) {
  const auto off = outcome({"healthcheck", "--admin", "off"});
  EXPECT_EQ(static_cast<int>(off.code), 1);
  EXPECT_EQ(off.err, "hawser: admin.listen is off: there is nobody to ask\n");
  const auto bad = outcome({"wait", "--admin", "9380"});
  EXPECT_EQ(bad.code, ExitCode::failure);
  EXPECT_EQ(bad.err,
            "hawser: --admin: admin.listen: no port (got 9380, want HOST:PORT, as in "
            "127.0.0.1:9380, or off)\n");
}

TEST(CliCommands, AnyAddressIsAskedOnTheLoopback) {
  EXPECT_EQ(admin_target("0.0.0.0:9380"), "127.0.0.1:9380");
  EXPECT_EQ(admin_target("[::]:9380"), "[::1]:9380");
  EXPECT_EQ(admin_target("10.0.0.1:9380"), "10.0.0.1:9380");
}

}  // namespace
}  // namespace hawser
