#include "config/toml_source.hpp"

#include <gtest/gtest.h>

namespace hawser::config {
namespace {

using Errors = std::vector<std::string>;

Errors errors_of(std::string_view text) {
  return read_toml(text, "h.toml").errors;
}

TEST(TomlSource, ValuesOfEveryTypeArrive) {
  const auto source = read_toml(
      "[listen]\n"
      "urls = [\"tcp://127.0.0.1:1\", \"unix:///s\"]\n"
      "unix_mode = \"0600\"\n"
      "[timeout]\n"
      "total = \"5s\"\n"
      "[clients]\n"
      "max = 5\n"
      "output_limit = \"1MiB\"\n"
      "request_limit = 4096\n"
      "[log]\n"
      "level = \"warn\"\n",
      "h.toml");
  ASSERT_EQ(source.errors, Errors());
  Settings settings;
  Errors errors;
  for (const Assignment& assignment : source.assignments) apply(assignment, settings, errors);
  EXPECT_EQ(settings.listen.urls, (Errors{"tcp://127.0.0.1:1", "unix:///s"}));
  EXPECT_EQ(settings.listen.unix_mode, 0600u);
  EXPECT_EQ(settings.timeout.total, Milliseconds(5000));
  EXPECT_EQ(settings.clients.max, 5u);
  EXPECT_EQ(settings.clients.output_limit, 1u << 20);
  EXPECT_EQ(settings.clients.request_limit, 4096u);
  EXPECT_EQ(settings.log.level, LogLevelSetting::warn);
}

TEST(TomlSource, OriginIsThePlaceOfTheValue) {
  const auto source = read_toml("[log]\n  level = \"warn\"\n", "h.toml");
  ASSERT_EQ(source.assignments.size(), 1u);
  EXPECT_EQ(source.assignments.front().origin, "h.toml:2:11");
}

TEST(TomlSource, EmptyFileIsFine) {
  EXPECT_EQ(errors_of(""), Errors());
  EXPECT_EQ(errors_of("# nothing\n[log]\n"), Errors());
}

TEST(TomlSource, UnknownKeyGetsASuggestion) {
  EXPECT_EQ(errors_of("[timeout]\nconect = \"2s\"\n"),
            Errors{"h.toml:2:1: timeout.conect: unknown key, did you mean timeout.connect?"});
}

TEST(TomlSource, KeyOfAnotherSectionIsFoundThere) {
  EXPECT_EQ(errors_of("[timeout]\nstall = \"2s\"\n"),
            Errors{"h.toml:2:1: timeout.stall: unknown key, did you mean clients.stall?"});
}

TEST(TomlSource, UnknownKeyLikeNoOtherGetsNone) {
  EXPECT_EQ(errors_of("[timeout]\nbanana = 1\n"),
            Errors{"h.toml:2:1: timeout.banana: unknown key"});
}

TEST(TomlSource, UnknownSectionGetsASuggestion) {
  EXPECT_EQ(errors_of("[client]\nmax = 1\n"),
            Errors{"h.toml:1:2: [client]: unknown section, did you mean clients?"});
}

TEST(TomlSource, KeyOutsideOfSectionsIsAnError) {
  EXPECT_EQ(errors_of("assumed_version = \"7.0.0\"\nfoo = 1\n"),
            (Errors{"h.toml:1:1: assumed_version: unknown key outside of any section, did you mean "
                    "upstream.assumed_version?",
                    "h.toml:2:1: foo: unknown key outside of any section"}));
}

TEST(TomlSource, SectionThatIsAValueIsAnError) {
  EXPECT_EQ(errors_of("timeout = \"2s\"\n"),
            Errors{"h.toml:1:1: timeout: not a section (got a string, want [timeout])"});
}

TEST(TomlSource, WrongTypesAreNamed) {
  EXPECT_EQ(errors_of("[timeout]\ntotal = 2000\n"),
            Errors{"h.toml:2:9: timeout.total: wrong type (got a number without quotes, want a "
                   "string with a number and a unit, as in \"250ms\", \"2s\", \"1m\", \"1h\")"});
  EXPECT_EQ(errors_of("[clients]\nmax = \"5\"\n"),
            Errors{"h.toml:2:7: clients.max: wrong type (got a string, want a whole number without "
                   "quotes)"});
  EXPECT_EQ(errors_of("[clients]\nmax = 1.5\n"),
            Errors{"h.toml:2:7: clients.max: wrong type (got a fraction, want a whole number "
                   "without quotes)"});
  EXPECT_EQ(errors_of("[clients]\noutput_limit = true\n"),
            Errors{"h.toml:2:16: clients.output_limit: wrong type (got true or false, want a size, "
                   "as in \"64MiB\", or a number of bytes)"});
  EXPECT_EQ(errors_of("[listen]\nurls = \"tcp://h:1\"\n"),
            Errors{"h.toml:2:8: listen.urls: wrong type (got a string, want a list of strings)"});
  EXPECT_EQ(errors_of("[listen]\nurls = [1]\n"),
            Errors{"h.toml:2:8: listen.urls: wrong type (got a list, want a list of strings)"});
  EXPECT_EQ(errors_of("[listen]\nunix_mode = 0o660\n"),
            Errors{"h.toml:2:13: listen.unix_mode: wrong type (got a number without quotes, want a "
                   "string of octal digits, as in \"0660\")"});
  EXPECT_EQ(errors_of("[upstream]\nurl = 2020-01-01\n"),
            Errors{"h.toml:2:7: upstream.url: wrong type (got a date or time, want a string in "
                   "quotes)"});
  EXPECT_EQ(errors_of("[log.level]\nx = 1\n").size(), 1u);
}

TEST(TomlSource, BadValueIsToldWithItsPlace) {
  EXPECT_EQ(errors_of("[timeout]\ntotal = \"2\"\n"),
            Errors{"h.toml:2:9: timeout.total: bad duration (got 2, want a number and a unit, as "
                   "in 250ms, 2s, 1m, 1h)"});
  EXPECT_EQ(errors_of("[clients]\nmax = -1\n"),
            Errors{"h.toml:2:7: clients.max: bad number (got -1, want digits only)"});
}

TEST(TomlSource, AllProblemsAreToldInTheOrderOfTheFile) {
  const auto errors = errors_of(
      "[timeout]\n"
      "zzz = 1\n"
      "total = \"x\"\n"
      "[buffers]\n"
      "max_bytes = false\n"
      "[lagn]\n");
  ASSERT_EQ(errors.size(), 4u);
  EXPECT_TRUE(errors[0].starts_with("h.toml:2:1: timeout.zzz: unknown key")) << errors[0];
  EXPECT_TRUE(errors[1].starts_with("h.toml:3:9: timeout.total: bad duration")) << errors[1];
  EXPECT_TRUE(errors[2].starts_with("h.toml:5:13: buffers.max_bytes: wrong type")) << errors[2];
  EXPECT_TRUE(errors[3].starts_with("h.toml:6:2: [lagn]: unknown section")) << errors[3];
}

TEST(TomlSource, SyntaxErrorStandsAlone) {
  const auto source = read_toml("[timeout]\nzzz = 1\ntotal = 2s\n", "h.toml");
  ASSERT_EQ(source.errors.size(), 1u);
  EXPECT_TRUE(source.errors[0].starts_with("h.toml:3:")) << source.errors[0];
  EXPECT_NE(source.errors[0].find(": syntax error: "), std::string::npos) << source.errors[0];
  EXPECT_TRUE(source.assignments.empty());
}

TEST(TomlSource, KeyGivenTwiceIsAnError) {
  const auto errors = errors_of("[log]\nlevel = \"warn\"\nlevel = \"info\"\n");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_TRUE(errors[0].starts_with("h.toml:3:")) << errors[0];
}

TEST(TomlSource, PasswordInABadUrlIsNotTold) {
  const auto errors = errors_of("[upstream]\nurl = \"redis://:hunter2@h:x\"\n");
  EXPECT_EQ(errors, Errors{"h.toml:2:7: upstream.url: bad port (want a number from 0 to 65535)"});
}

std::string rule(std::string_view body) {
  return "[[cache.rule]]\n" + std::string(body);
}

TEST(TomlSource, RulesOfTheCacheArriveInTheirOrder) {
  const auto source = read_toml(
      "[cache]\n"
      "batch = 7\n"
      "[[cache.rule]]\n"
      "match = \"a:{x}\"\n"
      "tags = [\"b:{x}\", \"c\"]\n"
      "[[cache.rule]]\n"
      "tags = [\"d\"]\n"
      "match = \"a:{x}\"\n",
      "h.toml");
  ASSERT_EQ(source.errors, Errors());
  EXPECT_EQ(source.assignments.size(), 1u);
  ASSERT_EQ(source.cache_rules.size(), 2u);
  EXPECT_EQ(source.cache_rules[0].rule.match, "a:{x}");
  EXPECT_EQ(source.cache_rules[0].rule.tags, (Errors{"b:{x}", "c"}));
  EXPECT_EQ(source.cache_rules[0].origin, "h.toml:3:1");
  EXPECT_EQ(source.cache_rules[1].rule.tags, Errors{"d"});
  EXPECT_EQ(source.cache_rules[1].origin, "h.toml:6:1");
}

TEST(TomlSource, RulesMayBeWrittenInOneLine) {
  const auto source = read_toml("[cache]\nrule = [{match = \"a*\", tags = [\"b\"]}]\n", "h.toml");
  ASSERT_EQ(source.errors, Errors());
  ASSERT_EQ(source.cache_rules.size(), 1u);
  EXPECT_EQ(source.cache_rules[0].origin, "h.toml:2:9");
  EXPECT_EQ(errors_of("[cache]\nrule = []\n"), Errors());
}

TEST(TomlSource, RulesThatAreNoArrayOfTablesAreAnError) {
  EXPECT_EQ(errors_of("[cache.rule]\nmatch = \"a\"\n"),
            Errors{"h.toml:1:8: cache.rule: wrong type (got a section, want [[cache.rule]])"});
  EXPECT_EQ(errors_of("[cache]\nrule = \"a\"\n"),
            Errors{"h.toml:2:8: cache.rule: wrong type (got a string, want [[cache.rule]])"});
  EXPECT_EQ(errors_of("[cache]\nrule = [1]\n"),
            Errors{"h.toml:2:9: cache.rule: wrong type (got a number without quotes, want "
                   "[[cache.rule]])"});
  EXPECT_EQ(errors_of("[[cache.rules]]\nmatch = \"a\"\n"),
            Errors{"h.toml:1:9: cache.rules: unknown key, did you mean cache.rule?"});
}

TEST(TomlSource, KeysOfARuleAreStrict) {
  EXPECT_EQ(errors_of(rule("match = \"a\"\ntags = [\"b\"]\nttl = 5\n")),
            Errors{"h.toml:4:1: cache.rule.ttl: unknown key"});
  EXPECT_EQ(errors_of(rule("mtach = \"a\"\ntags = [\"b\"]\n")),
            (Errors{"h.toml:1:1: cache.rule: no match in this rule",
                    "h.toml:2:1: cache.rule.mtach: unknown key, did you mean cache.rule.match?"}));
  EXPECT_EQ(errors_of(rule("match = \"a\"\n")),
            Errors{"h.toml:1:1: cache.rule: no tags in this rule"});
  EXPECT_EQ(errors_of(rule("")).size(), 2u);
}

TEST(TomlSource, TypesInARuleAreStrict) {
  EXPECT_EQ(errors_of(rule("match = 1\ntags = \"b\"\n")),
            (Errors{"h.toml:2:9: cache.rule.match: wrong type (got a number without quotes, want a "
                    "string in quotes)",
                    "h.toml:3:8: cache.rule.tags: wrong type (got a string, want a list of "
                    "strings)"}));
  EXPECT_EQ(errors_of(rule("match = \"a\"\ntags = [\"b\", 1]\n")),
            Errors{"h.toml:3:14: cache.rule.tags: wrong type (got a number without quotes, want a "
                   "string in quotes)"});
  EXPECT_EQ(errors_of(rule("match = \"a\"\ntags = []\n")),
            Errors{"h.toml:3:8: cache.rule.tags: empty list (got nothing, want at least one, such "
                   "as company:{company}:orders)"});
  EXPECT_EQ(errors_of("[[cache.rule]]\nmatch = \"a\"\n[cache.rule.tags]\nx = 1\n"),
            Errors{"h.toml:3:13: cache.rule.tags: wrong type (got a section, want a list of "
                   "strings)"});
}

TEST(TomlSource, BadPatternsAndTagsAreToldWhereTheyStand) {
  EXPECT_EQ(errors_of(rule("match = \"a:{x}*\"\ntags = [\"b\"]\n")),
            Errors{"h.toml:2:9: cache.rule.match: {x} has no end (got * behind it, want a literal "
                   "character or the end of the pattern)"});
  EXPECT_EQ(errors_of(rule("match = \"a:{x}\"\ntags = [\n  \"b\",\n  \"c:{y}\"]\n")),
            Errors{"h.toml:5:3: cache.rule.tags: a part that match does not have (got {y}, want "
                   "{x})"});
  std::string tags;
  for (int i = 0; i < 33; ++i) tags += "\"t\",\n";
  EXPECT_EQ(errors_of(rule("match = \"a\"\ntags = [\n" + tags + "]\n")),
            Errors{"h.toml:36:1: cache.rule.tags: too many tags (got 33, want at most 32)"});
}

TEST(TomlSource, ProblemsOfRulesStandAmongTheOthers) {
  const auto errors = errors_of(
      "[[cache.rule]]\n"
      "match = \"\"\n"
      "tags = [\"b\"]\n"
      "[[cache.rule]]\n"
      "match = \"a\"\n"
      "tags = [\"\"]\n"
      "[timeout]\n"
      "total = \"x\"\n");
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_TRUE(errors[0].starts_with("h.toml:2:9: cache.rule.match: empty pattern")) << errors[0];
  EXPECT_TRUE(errors[1].starts_with("h.toml:6:9: cache.rule.tags: empty tag")) << errors[1];
  EXPECT_TRUE(errors[2].starts_with("h.toml:8:9: timeout.total: bad duration")) << errors[2];
}

}  // namespace
}  // namespace hawser::config
