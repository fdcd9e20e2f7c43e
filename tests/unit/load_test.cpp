#include "config/load.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/reference.hpp"

namespace hawser::config {
namespace {

using Texts = std::vector<std::string>;

/// A folder of its own for each test, gone afterwards.
class Load : public testing::Test {
 protected:
  Load()
      : folder_(std::filesystem::path(testing::TempDir()) /
                ("hawser-load-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Load() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const auto path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::string upstream() {
    const auto loaded = load(sources_);
    EXPECT_EQ(loaded.errors, Texts());
    return loaded.upstream.redacted();
  }

  Texts errors() { return load(sources_).errors; }

  std::filesystem::path folder_;
  Sources sources_;
};

TEST_F(Load, NothingGivenIsTheDefaults) {
  const auto loaded = load(sources_);
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.upstream.redacted(), "redis://127.0.0.1:6379/0");
  ASSERT_EQ(loaded.listeners.size(), 1u);
  EXPECT_EQ(loaded.listeners[0].text(), "tcp://127.0.0.1:6380");
  EXPECT_TRUE(loaded.origins.empty());
  EXPECT_EQ(loaded.warnings,
            Texts{"upstream.url: no Redis URL was given, using redis://127.0.0.1:6379/0"});
}

TEST_F(Load, DeniedCommandsAreOnesThatExistOrAModulesMay) {
  sources_.commands = {"get", "getex", "flushall", "config", "config|set", "cache.set"};
  const auto error = [this](const std::string& name) {
    sources_.environment = {{"HAWSER_COMMANDS_DENY", name}};
    const Texts found = errors();
    return found.empty() ? "" : found.front();
  };
  for (const char* name : {"FlushAll", "config|set", "config", "cache.set", "json.del",
                           "ft.config|set", "flushall,config|set"}) {
    EXPECT_EQ(error(name), "") << name;
  }
  const std::string want = "want a command, or container|subcommand, as in config|set)";
  EXPECT_EQ(error("get,flushal"),
            "HAWSER_COMMANDS_DENY: commands.deny: unknown command, did you mean flushall? (got "
            "flushal, " +
                want);
  EXPECT_EQ(error("config set"),
            "HAWSER_COMMANDS_DENY: commands.deny: unknown command, did you mean config|set? (got "
            "config set, " +
                want);
  EXPECT_EQ(
      error("get|x"),
      "HAWSER_COMMANDS_DENY: commands.deny: unknown command, did you mean getex? (got get|x, " +
          want);
}

TEST_F(Load, FlagsOverEnvironmentOverFileOverDefaults) {
  sources_.file =
      write("h.toml", "[log]\nlevel = \"error\"\nformat = \"json\"\n[admin]\nlisten = \"f:1\"\n");
  auto loaded = load(sources_);
  EXPECT_EQ(loaded.settings.log.level, LogLevelSetting::error);
  EXPECT_EQ(loaded.settings.log.format, LogFormatSetting::json);
  EXPECT_EQ(loaded.settings.admin.listen, "f:1");
  EXPECT_EQ(loaded.origins.at("log.level"), *sources_.file + ":2:9");

  sources_.environment = {{"HAWSER_LOG_LEVEL", "warn"}, {"HAWSER_ADMIN_LISTEN", "e:1"}};
  loaded = load(sources_);
  EXPECT_EQ(loaded.settings.log.level, LogLevelSetting::warn);
  EXPECT_EQ(loaded.settings.log.format, LogFormatSetting::json);
  EXPECT_EQ(loaded.settings.admin.listen, "e:1");
  EXPECT_EQ(loaded.origins.at("log.level"), "HAWSER_LOG_LEVEL");

  sources_.flags = {{"--log-level", "trace"}};
  loaded = load(sources_);
  EXPECT_EQ(loaded.settings.log.level, LogLevelSetting::trace);
  EXPECT_EQ(loaded.settings.admin.listen, "e:1");
  EXPECT_EQ(loaded.origins.at("log.level"), "--log-level");
  EXPECT_EQ(loaded.settings.timeout.total, Milliseconds(4000));
}

TEST_F(Load, UpstreamComesFromTheStrongestSource) {
  sources_.environment["REDIS_HOST"] = "single";
  EXPECT_EQ(upstream(), "redis://single:6379/0");
  sources_.environment["REDIS_URL"] = "redis://url";
  EXPECT_EQ(upstream(), "redis://url:6379/0");
  sources_.file = write("h.toml", "[upstream]\nurl = \"redis://file\"\n");
  EXPECT_EQ(upstream(), "redis://file:6379/0");
  sources_.environment["HAWSER_UPSTREAM"] = "redis://env";
  EXPECT_EQ(upstream(), "redis://env:6379/0");
  sources_.flags = {{"--upstream", "redis://flag"}};
  EXPECT_EQ(upstream(), "redis://flag:6379/0");
}

TEST_F(Load, BothEnvironmentNamesOfTheUpstreamWork) {
  sources_.environment = {{"HAWSER_UPSTREAM_URL", "redis://a"}};
  EXPECT_EQ(upstream(), "redis://a:6379/0");
  sources_.environment = {{"HAWSER_UPSTREAM_URL", "redis://a"}, {"HAWSER_UPSTREAM", "redis://a"}};
  EXPECT_EQ(upstream(), "redis://a:6379/0");
  sources_.environment["HAWSER_UPSTREAM"] = "redis://b";
  EXPECT_EQ(errors(), Texts{"HAWSER_UPSTREAM_URL: upstream.url: HAWSER_UPSTREAM is set too, to "
                            "something else"});
}

TEST_F(Load, SingleVariablesMakeUpAnUpstream) {
  sources_.environment = {{"REDIS_HOST", "::1"},
                          {"REDIS_PORT", "7000"},
                          {"REDIS_PASSWORD", "p@ss/word"},
                          {"REDIS_DB", "3"}};
  const auto loaded = load(sources_);
  EXPECT_EQ(loaded.errors, Texts());
  EXPECT_EQ(loaded.upstream.redacted(), "redis://:***@[::1]:7000/3");
  EXPECT_EQ(loaded.upstream.password, "p@ss/word");
  EXPECT_EQ(loaded.origins.at("upstream.url"), "REDIS_HOST");
}

TEST_F(Load, BadSingleVariablesAreAllTold) {
  sources_.environment = {{"REDIS_HOST", "redis://h"}, {"REDIS_PORT", "70000"}, {"REDIS_DB", ""}};
  EXPECT_EQ(errors(), (Texts{"REDIS_HOST: a URL where a host is expected (name it REDIS_URL)",
                             "REDIS_PORT: bad port (got 70000, want a number from 1 to 65535)",
                             "REDIS_DB: bad database (got nothing, want a number such as 0)"}));
}

TEST_F(Load, ServiceLinkOfKubernetesIsNotAPort) {
  sources_.environment = {{"REDIS_HOST", "h"}, {"REDIS_PORT", "tcp://10.0.0.1:6379"}};
  const auto loaded = load(sources_);
  EXPECT_EQ(loaded.upstream.redacted(), "redis://h:6379/0");
  EXPECT_EQ(loaded.warnings, Texts{"REDIS_PORT: ignored, it is a Kubernetes service link (got "
                                   "tcp://10.0.0.1:6379, want a number)"});
}

TEST_F(Load, EmptyUrlIsAnErrorAndNotTheDefault) {
  sources_.environment = {{"REDIS_URL", ""}};
  EXPECT_EQ(errors(), Texts{"REDIS_URL: the Redis URL is empty"});
  sources_.environment = {{"HAWSER_UPSTREAM", ""}};
  EXPECT_EQ(errors(), Texts{"HAWSER_UPSTREAM: upstream.url: the Redis URL is empty"});
}

TEST_F(Load, TlsIsRefusedWhereverItComesFrom) {
  const std::string text =
      "TLS is not available yet (got rediss:// or valkeys://, want redis:// or unix://)";
  sources_.environment = {{"REDIS_URL", "rediss://h"}};
  EXPECT_EQ(errors(), Texts{"REDIS_URL: " + text});
  sources_.environment = {{"HAWSER_UPSTREAM", "valkeys://h"}};
  EXPECT_EQ(errors(), Texts{"HAWSER_UPSTREAM: upstream.url: " + text});
  sources_.environment = {{"HAWSER_LISTEN_URLS", "tls://h:1"}};
  EXPECT_EQ(errors(),
            Texts{"HAWSER_LISTEN_URLS: listen.urls: tls:// listeners are not available yet"});
}

TEST_F(Load, ListenersAreAListInEachSource) {
  sources_.environment = {{"HAWSER_LISTEN_URLS", "tcp://h:1,unix:///a"}};
  EXPECT_EQ(load(sources_).settings.listen.urls, (Texts{"tcp://h:1", "unix:///a"}));
  sources_.flags = {{"--listen", "tcp://h:2"}, {"--listen", "unix:///b"}};
  const auto loaded = load(sources_);
  EXPECT_EQ(loaded.settings.listen.urls, (Texts{"tcp://h:2", "unix:///b"}));
  ASSERT_EQ(loaded.listeners.size(), 2u);
  EXPECT_EQ(loaded.listeners[1].path, "/b");
}

TEST_F(Load, EmptyListOfListenersIsAnError) {
  sources_.environment = {{"HAWSER_LISTEN_URLS", ""}};
  EXPECT_EQ(errors(), Texts{"HAWSER_LISTEN_URLS: listen.urls: empty list (got nothing, want at "
                            "least one, such as tcp://127.0.0.1:6380)"});
}

TEST_F(Load, SameListenerTwiceIsAnErrorUnlessThePortIsFree) {
  sources_.flags = {{"--listen", "unix:///a"}, {"--listen", "unix:///a"}};
  EXPECT_EQ(errors(), Texts{"--listen: listen.urls: the same listener twice (got unix:///a)"});
  sources_.flags = {{"--listen", "tcp://h:0"}, {"--listen", "tcp://h:0"}};
  EXPECT_EQ(errors(), Texts());
}

TEST_F(Load, FlagGivenTwiceIsAnError) {
  sources_.flags = {{"--admin", "h:1"}, {"--admin", "h:2"}};
  EXPECT_EQ(errors(), Texts{"--admin: admin.listen: given twice"});
}

TEST_F(Load, PasswordOnTheCommandLineIsWarnedOf) {
  sources_.flags = {{"--upstream", "redis://:hunter2@h"}};
  EXPECT_EQ(load(sources_).warnings,
            Texts{"--upstream: a password on the command line is seen by every local user (use "
                  "HAWSER_UPSTREAM or upstream.password_file)"});
}

TEST_F(Load, UnknownVariableIsAWarning) {
  sources_.environment = {{"HAWSER_UPSTREAM", "redis://h"}, {"HAWSER_LOG_LEVLE", "x"}, {"X", "y"}};
  const auto loaded = load(sources_);
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.warnings, Texts{"HAWSER_LOG_LEVLE: unknown environment variable, did you mean "
                                   "HAWSER_LOG_LEVEL?"});
}

TEST_F(Load, TimesThatDoNotFitAreErrorsAtTheirPlace) {
  sources_.environment = {{"HAWSER_UPSTREAM", "redis://h"},
                          {"HAWSER_RECONNECT_BACKOFF_MAX", "9ms"}};
  sources_.flags = {};
  EXPECT_EQ(errors(), Texts{"HAWSER_RECONNECT_BACKOFF_MAX: reconnect.backoff_min: longer than "
                            "reconnect.backoff_max (got 50ms, want at most 9ms)"});
  sources_.environment = {{"HAWSER_TIMEOUT_COMMAND", "5s"}};
  EXPECT_EQ(errors(), Texts{"HAWSER_TIMEOUT_COMMAND: timeout.command: longer than timeout.total "
                            "(got 5s, want at most 4s)"});
  sources_.environment = {{"HAWSER_TIMEOUT_COMMAND", "4s"}};
  EXPECT_EQ(errors(), Texts());
}

TEST_F(Load, ErrorsOfAllSourcesAreToldTogether) {
  sources_.file = write("h.toml", "[log]\nlevel = \"x\"\n");
  sources_.environment = {{"HAWSER_CLIENTS_MAX", "0"}};
  sources_.flags = {{"--log-format", "xml"}};
  EXPECT_EQ(errors(),
            (Texts{*sources_.file +
                       ":2:9: log.level: unknown word (got x, want trace, debug, info, warn or "
                       "error)",
                   "HAWSER_CLIENTS_MAX: clients.max: too small (got 0, want at least 1)",
                   "--log-format: log.format: unknown word (got xml, want auto, text or json)"}));
}

TEST_F(Load, FileThatCannotBeReadIsAnError) {
  sources_.file = (folder_ / "absent.toml").string();
  EXPECT_EQ(errors(), Texts{*sources_.file + ": cannot be read: No such file or directory"});
  sources_.file = folder_.string();
  EXPECT_EQ(errors(), Texts{*sources_.file + ": cannot be read: Is a directory"});
}

TEST_F(Load, FirstLineOfThePasswordFileIsThePassword) {
  sources_.environment = {{"HAWSER_UPSTREAM", "redis://app:@h"},
                          {"HAWSER_UPSTREAM_PASSWORD_FILE", write("pw", "hunter2\r\nmore\n")}};
  const auto loaded = load(sources_);
  EXPECT_EQ(loaded.upstream.password, "hunter2");
  EXPECT_EQ(loaded.upstream.user, "app");
}

TEST_F(Load, PasswordOfTheUrlIsStrongerThanTheFile) {
  sources_.environment = {{"REDIS_URL", "redis://:url@h"},
                          {"HAWSER_UPSTREAM_PASSWORD_FILE", write("pw", "file\n")}};
  EXPECT_EQ(load(sources_).upstream.password, "url");
}

TEST_F(Load, PasswordFileWithoutPasswordIsAnError) {
  const auto empty = write("empty", "");
  sources_.environment = {{"REDIS_URL", "redis://h"}, {"HAWSER_UPSTREAM_PASSWORD_FILE", empty}};
  EXPECT_EQ(errors(), Texts{"upstream.password_file: no password in " + empty + ": it is empty"});
  const auto blank = write("blank", "\nhunter2\n");
  sources_.environment["HAWSER_UPSTREAM_PASSWORD_FILE"] = blank;
  EXPECT_EQ(errors(), Texts{"upstream.password_file: the first line of " + blank + " is empty"});
  sources_.environment["HAWSER_UPSTREAM_PASSWORD_FILE"] = "/nowhere/pw";
  EXPECT_EQ(errors(), Texts{"upstream.password_file: no password in /nowhere/pw: No such file or "
                            "directory"});
}

TEST_F(Load, CredentialsDirectoryIsUsedIfItHasThePassword) {
  sources_.environment = {{"REDIS_URL", "redis://h"}, {"CREDENTIALS_DIRECTORY", folder_.string()}};
  EXPECT_EQ(load(sources_).upstream.password, "");
  write("upstream-password", "hunter2");
  EXPECT_EQ(load(sources_).upstream.password, "hunter2");
}

TEST_F(Load, UpstreamThatIsHawserItselfIsRefused) {
  sources_.environment = {{"REDIS_URL", "redis://localhost:6380/0"}};
  const auto found = errors();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].starts_with("REDIS_URL: upstream.url: hawser would connect to itself"))
      << found[0];
}

TEST_F(Load, SettingsAloneDoNotMindWhereTheUpstreamIs) {
  sources_.environment = {{"REDIS_URL", "redis://localhost:6380/0"},
                          {"HAWSER_ADMIN_LISTEN", "h:1"}};
  const auto loaded = load_settings(sources_);
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.settings.admin.listen, "h:1");
}

TEST_F(Load, LocalhostInProductionIsWarnedOf) {
  sources_.environment = {{"REDIS_URL", "redis://localhost"}, {"NODE_ENV", "production"}};
  EXPECT_EQ(load(sources_).warnings,
            Texts{"upstream.url: the upstream redis://localhost:6379/0 is on this very host, "
                  "although NODE_ENV says production"});
  sources_.environment["NODE_ENV"] = "test";
  EXPECT_EQ(load(sources_).warnings, Texts());
}

TEST_F(Load, EffectiveConfigurationHasOriginsAndNoPassword) {
  sources_.environment = {{"REDIS_URL", "redis://:hunter2@h/2"}, {"HAWSER_CLIENTS_MAX", "7"}};
  const auto text = effective_configuration(load(sources_));
  EXPECT_NE(text.find("\nurl = \"redis://:***@h:6379/2\"  # REDIS_URL\n"), std::string::npos);
  EXPECT_NE(text.find("\nmax = 7  # HAWSER_CLIENTS_MAX\n"), std::string::npos);
  EXPECT_EQ(text.find("hunter2"), std::string::npos);
}

TEST_F(Load, EffectiveConfigurationIsAValidFile) {
  sources_.environment = {{"REDIS_URL", "redis://h/2"},
                          {"HAWSER_LISTEN_URLS", "unix:///a%22b,tcp://h:1"}};
  const auto text = effective_configuration(load(sources_));
  Sources again;
  again.file = write("again.toml", text);
  const auto loaded = load(again);
  EXPECT_EQ(loaded.errors, Texts());
  EXPECT_EQ(loaded.upstream.redacted(), "redis://h:6379/2");
  EXPECT_EQ(loaded.settings.listen.urls, (Texts{"unix:///a%22b", "tcp://h:1"}));
}

TEST_F(Load, EffectiveConfigurationHasTheRulesOfTheCache) {
  sources_.environment = {{"REDIS_URL", "redis://h"}, {"HAWSER_CACHE_CHANNEL", ""}};
  sources_.file = write("h.toml",
                        "[[cache.rule]]\n"
                        "match = 'a\"\\*{x}'\n"
                        "tags = ['b{x}', 'c']\n"
                        "[[cache.rule]]\n"
                        "match = 'a'\n"
                        "tags = ['d']\n");
  const auto first = load(sources_);
  EXPECT_EQ(first.errors, Texts());
  const auto text = effective_configuration(first);
  EXPECT_NE(text.find("\nchannel = \"\"  # HAWSER_CACHE_CHANNEL\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n[[cache.rule]]  # " + *sources_.file +
                      ":1:1\nmatch = \"a\\\"\\\\*{x}\"\ntags = [\"b{x}\", \"c\"]\n"),
            std::string::npos)
      << text;
  Sources again;
  again.file = write("again.toml", text);
  const auto second = load(again);
  EXPECT_EQ(second.errors, Texts());
  EXPECT_EQ(second.settings.cache.channel, "");
  ASSERT_EQ(second.settings.cache.rules.size(), 2u);
  EXPECT_EQ(second.settings.cache.rules[0].match, "a\"\\*{x}");
  EXPECT_EQ(second.settings.cache.rules[0].tags, (Texts{"b{x}", "c"}));
  EXPECT_EQ(second.settings.cache.rules[1].match, "a");
}

TEST_F(Load, ProblemOfARuleIsAnError) {
  sources_.environment = {{"REDIS_URL", "redis://h"}};
  sources_.file = write("h.toml", "[[cache.rule]]\nmatch = 'a'\ntags = ['{x}']\n");
  EXPECT_EQ(errors(), Texts{*sources_.file +
                            ":3:9: cache.rule.tags: a part that match does not "
                            "have (got {x}, want a text without parts, since match has none)"});
}

TEST_F(Load, RulesOfTheCacheAreNotTakenFromTheEnvironment) {
  for (const std::string name :
       {"HAWSER_CACHE_RULE", "HAWSER_CACHE_RULES", "HAWSER_CACHE_RULE_MATCH"}) {
    sources_.environment = {{"REDIS_URL", "redis://h"}, {name, "a"}};
    EXPECT_EQ(load(sources_).warnings,
              Texts{name + ": ignored, rules of the cache can be given in the file only (as "
                           "[[cache.rule]])"});
  }
}

}  // namespace
}  // namespace hawser::config
