#include "proxy/commands/own_commands.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

using protocol::RespVersion;
using Words = std::vector<std::string_view>;

std::string told(const Words& words, std::string_view reply, RespVersion resp = RespVersion::resp2,
                 std::string_view version = "7.0.15") {
  const Built asked(words);
  return add_own_commands(asked.request, resp, version, reply, {});
}

bool has_part(const Words& words) {
  return tells_of_own_commands(Built(words).request);
}

std::string keys(const Words& words, RespVersion resp = RespVersion::resp2) {
  return keys_of_own_command(Built(words).request, resp).value_or("Redis answers");
}

/// COMMAND's entry of cache.tag, as Redis 7.0 would give it.
const std::string kTagResp3 =
    "*10\r\n$9\r\ncache.tag\r\n:-4\r\n~4\r\n+write\r\n+denyoom\r\n+fast\r\n+no_multi\r\n:1\r\n:"
    "1\r\n"
    ":1\r\n~2\r\n+@write\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~3\r\n+RW\r\n+access\r\n"
    "+update\r\n$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n"
    "$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%"
    "3\r\n"
    "$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n";
const std::string kInvalidateResp2 =
    "*10\r\n$16\r\ncache.invalidate\r\n:-2\r\n*2\r\n+write\r\n+no_multi\r\n:0\r\n:0\r\n:0\r\n"
    "*2\r\n+@write\r\n+@slow\r\n*0\r\n*0\r\n*0\r\n";

TEST(OwnCommands, OnlyWhatTellsOfThemIsChanged) {
  for (const Words& words : std::vector<Words>{{"COMMAND"},
                                               {"command", "count"},
                                               {"COMMAND", "LIST"},
                                               {"COMMAND", "INFO"},
                                               {"COMMAND", "DOCS"},
                                               {"COMMAND", "INFO", "get", "Cache.Get"},
                                               {"COMMAND", "DOCS", "PROXY|HELP"}}) {
    EXPECT_TRUE(has_part(words)) << words.back();
  }
  for (const Words& words : std::vector<Words>{{"COMMAND", "INFO", "get"},
                                               {"COMMAND", "INFO", "proxy|", "proxy|help|x", ""},
                                               {"COMMAND", "DOCS", "config|get"},
                                               {"COMMAND", "HELP"},
                                               {"COMMAND", "GETKEYS", "cache.get", "k"}}) {
    EXPECT_FALSE(has_part(words)) << words.back();
  }
}

TEST(OwnCommands, StandBehindThoseOfRedis) {
  const std::string all = told({"COMMAND"}, "*2\r\n*1\r\n+a\r\n*1\r\n+b\r\n");
  EXPECT_TRUE(all.starts_with("*8\r\n*1\r\n+a\r\n*1\r\n+b\r\n*10\r\n$9\r\ncache.get\r\n")) << all;
  EXPECT_NE(all.find(kInvalidateResp2), std::string::npos) << all;
  EXPECT_EQ(told({"COMMAND", "INFO"}, "*1\r\n:1\r\n").substr(0, 8), "*7\r\n:1\r\n");
  EXPECT_EQ(told({"COMMAND", "COUNT"}, ":240\r\n"), ":246\r\n");
}

TEST(OwnCommands, AnswerAtTheirPlacesInInfo) {
  EXPECT_EQ(told({"COMMAND", "INFO", "x", "CACHE.TAG", "y"}, "*3\r\n*1\r\n:1\r\n_\r\n_\r\n",
                 RespVersion::resp3),
            "*3\r\n*1\r\n:1\r\n" + kTagResp3 + "_\r\n");
  EXPECT_EQ(told({"COMMAND", "INFO", "cache.invalidate", "x"}, "*2\r\n$-1\r\n*-1\r\n"),
            "*2\r\n" + kInvalidateResp2 + "*-1\r\n");
  EXPECT_EQ(told({"COMMAND", "INFO", "proxy|help"}, "*1\r\n$-1\r\n"),
            "*1\r\n*10\r\n$10\r\nproxy|help\r\n:2\r\n*2\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n"
            "*1\r\n+@slow\r\n*0\r\n*0\r\n*0\r\n");
}

TEST(OwnCommands, SubcommandsStandInTheirContainer) {
  const std::string reply = told({"COMMAND", "INFO", "proxy"}, "*1\r\n_\r\n", RespVersion::resp3);
  EXPECT_TRUE(
      reply.starts_with("*1\r\n*10\r\n$5\r\nproxy\r\n:-2\r\n~2\r\n+loading\r\n+stale\r\n"
                        ":0\r\n:0\r\n:0\r\n~1\r\n+@slow\r\n~0\r\n~0\r\n*"))
      << reply;
  EXPECT_NE(reply.find("*10\r\n$12\r\nproxy|health\r\n:2\r\n"), std::string::npos) << reply;
}

TEST(OwnCommands, EntriesAreThoseOfTheServersVersion) {
  const std::string six =
      "*1\r\n*7\r\n$16\r\ncache.invalidate\r\n:-2\r\n*2\r\n+write\r\n+no_multi\r\n:0\r\n:0\r\n:"
      "0\r\n"
      "*2\r\n+@write\r\n+@slow\r\n";
  const Words words = {"COMMAND", "INFO", "cache.invalidate"};
  EXPECT_EQ(told(words, "*1\r\n*-1\r\n", RespVersion::resp2, "6.2.14"), six);
  EXPECT_EQ(told(words, "*1\r\n*-1\r\n", RespVersion::resp2, "5.0.3").substr(4, 4), "*6\r\n");
  EXPECT_EQ(told(words, "*1\r\n$-1\r\n", RespVersion::resp2, "10.1").substr(4, 5), "*10\r\n");
  EXPECT_EQ(told(words, "*1\r\n$-1\r\n", RespVersion::resp2, "").substr(4, 5), "*10\r\n");
  EXPECT_EQ(told({"COMMAND", "INFO"}, "*0\r\n", RespVersion::resp2, "6.2.14"), "*0\r\n");
}

TEST(OwnCommands, ErrorsAndWhatWasNotExpectedStayAsTheyAre) {
  for (const std::string reply :
       {"-ERR unknown subcommand or wrong number of arguments for 'DOCS'. Try COMMAND HELP.\r\n",
        "-NOPERM this user has no permissions\r\n", "$-1\r\n", "_\r\n", "*-1\r\n", "+OK\r\n"}) {
    for (const Words& words : std::vector<Words>{{"COMMAND"},
                                                 {"COMMAND", "COUNT"},
                                                 {"COMMAND", "LIST"},
                                                 {"COMMAND", "LIST", "FILTERBY", "PATTERN", "*"},
                                                 {"COMMAND", "DOCS"},
                                                 {"COMMAND", "DOCS", "cache.set"},
                                                 {"COMMAND", "INFO"},
                                                 {"COMMAND", "INFO", "cache.set"}}) {
      EXPECT_EQ(told(words, reply), reply) << words.back();
    }
  }
  EXPECT_EQ(told({"COMMAND", "INFO", "cache.set", "x"}, "*1\r\n_\r\n"), "*1\r\n_\r\n");
}

TEST(OwnCommands, ListNamesSubcommandsTooAndKnowsTheFilters) {
  EXPECT_EQ(told({"COMMAND", "LIST"}, "*1\r\n$3\r\nget\r\n"),
            "*9\r\n$3\r\nget\r\n$9\r\ncache.get\r\n$16\r\ncache.invalidate\r\n$9\r\ncache.set\r\n"
            "$9\r\ncache.tag\r\n$11\r\ncache.untag\r\n$5\r\nproxy\r\n$12\r\nproxy|health\r\n"
            "$10\r\nproxy|help\r\n");
  const auto filtered = [](std::string_view by, std::string_view what) {
    return told({"COMMAND", "LIST", "FilterBy", by, what}, "*0\r\n");
  };
  EXPECT_EQ(filtered("pattern", "CACHE.*tag"), "*2\r\n$9\r\ncache.tag\r\n$11\r\ncache.untag\r\n");
  EXPECT_EQ(filtered("PATTERN", "nosuch*"), "*0\r\n");
  EXPECT_EQ(filtered("ACLCAT", "Write").substr(0, 4), "*5\r\n");
  EXPECT_EQ(filtered("ACLCAT", "@write"), "*0\r\n");
  EXPECT_EQ(filtered("MODULE", "hawser"), "*0\r\n");
}

TEST(OwnCommands, DocsAreAMap) {
  const std::string rest = "$5\r\nsince\r\n$5\r\n0.1.0\r\n$5\r\ngroup\r\n$6\r\nhawser\r\n";
  const std::string head = "$7\r\nsummary\r\n$18\r\nGive tags to a key\r\n";
  EXPECT_EQ(told({"COMMAND", "DOCS", "cache.tag", "get"}, "*2\r\n$3\r\nget\r\n*0\r\n"),
            "*4\r\n$3\r\nget\r\n*0\r\n$9\r\ncache.tag\r\n*6\r\n" + head + rest);
  EXPECT_EQ(told({"COMMAND", "DOCS", "cache.tag"}, "%0\r\n", RespVersion::resp3),
            "%1\r\n$9\r\ncache.tag\r\n%3\r\n" + head + rest);
  EXPECT_EQ(told({"COMMAND", "DOCS"}, "%9\r\n", RespVersion::resp3).substr(0, 5), "%15\r\n");
  EXPECT_EQ(told({"COMMAND", "DOCS"}, "*18\r\n").substr(0, 5), "*30\r\n");
  const std::string proxy = told({"COMMAND", "DOCS", "proxy"}, "%0\r\n", RespVersion::resp3);
  EXPECT_TRUE(proxy.starts_with("%1\r\n$5\r\nproxy\r\n%4\r\n")) << proxy;
  EXPECT_NE(proxy.find("$11\r\nsubcommands\r\n%"), std::string::npos) << proxy;
}

TEST(OwnCommands, EachHasASummary) {
  for (const protocol::Command& row : protocol::all_commands()) {
    if (row.since != protocol::kOwn) continue;
    const std::string docs = told({"COMMAND", "DOCS", row.name}, "*0\r\n");
    EXPECT_EQ(docs.find("$7\r\nsummary\r\n$0\r\n"), std::string::npos) << row.name;
    EXPECT_NE(docs.find("$7\r\nsummary\r\n"), std::string::npos) << row.name;
  }
}

TEST(OwnCommands, KeysAreThoseOfTheRow) {
  EXPECT_EQ(keys({"COMMAND", "GETKEYS", "CACHE.SET", "k", "v", "PX", "9"}), "*1\r\n$1\r\nk\r\n");
  EXPECT_EQ(keys({"COMMAND", "GETKEYSANDFLAGS", "cache.get", "k"}, RespVersion::resp3),
            "*1\r\n*2\r\n$1\r\nk\r\n~3\r\n+RW\r\n+access\r\n+update\r\n");
  EXPECT_EQ(keys({"COMMAND", "GETKEYS", "cache.set", "k"}),
            "-ERR Invalid number of arguments specified for command\r\n");
  EXPECT_EQ(keys({"COMMAND", "GETKEYS", "cache.invalidate", "tag"}),
            "-ERR The command has no key arguments\r\n");
  EXPECT_EQ(keys({"COMMAND", "GETKEYS", "proxy", "help"}),
            "-ERR The command has no key arguments\r\n");
  for (const Words& words : std::vector<Words>{{"COMMAND", "GETKEYS", "get", "k"},
                                               {"COMMAND", "GETKEYS", "cache.get"},
                                               {"COMMAND", "GETKEYS", "proxy|help", "k"},
                                               {"COMMAND", "INFO", "cache.get", "k"}}) {
    EXPECT_EQ(keys(words), "Redis answers") << words[2];
  }
}

}  // namespace
}  // namespace hawser
