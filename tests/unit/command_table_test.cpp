#include "protocol/command_table.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <stdexcept>
#include <string>

namespace hawser::protocol {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

const Command& row(std::string_view name) {
  const std::size_t bar = name.find('|');
  const Command* command = find_command(name.substr(0, bar));
  if (command != nullptr && bar != std::string_view::npos) {
    command = find_subcommand(*command, name.substr(bar + 1));
  }
  if (command == nullptr) throw std::out_of_range("no row " + std::string(name));
  return *command;
}

TEST(CommandTable, EveryRowIsFoundByItsNameInAnyCase) {
  for (const Command& command : all_commands()) {
    for (const std::string& name : {std::string(command.name), upper(command.name)}) {
      EXPECT_EQ(&row(name), &command) << name;
    }
  }
}

TEST(CommandTable, IndexIsThePlaceInTheTable) {
  for (std::size_t i = 0; i < all_commands().size(); ++i) {
    EXPECT_EQ(all_commands()[i].index, i);
  }
}

TEST(CommandTable, SubcommandsHaveAContainerAndOnlyContainersHaveSubcommands) {
  std::set<std::string_view> containers;
  for (const Command& command : all_commands()) {
    const std::size_t bar = command.name.find('|');
    if (bar != std::string_view::npos) containers.insert(command.name.substr(0, bar));
  }
  for (const Command& command : all_commands()) {
    EXPECT_EQ(has_subcommands(command), containers.erase(command.name) == 1) << command.name;
  }
  EXPECT_TRUE(containers.empty());
}

TEST(CommandTable, UnknownNames) {
  const std::string huge(100000, 'g');
  for (const std::string_view name :
       {std::string_view(), std::string_view("nosuch"), std::string_view("ge"),
        std::string_view("gett"), std::string_view("get "), std::string_view("get\0", 4),
        std::string_view("client|setname"), std::string_view("client|"), std::string_view("|"),
        std::string_view(huge)}) {
    EXPECT_EQ(find_command(name), nullptr) << name.substr(0, 20);
  }
  EXPECT_EQ(find_subcommand(row("client"), "nosuch"), nullptr);
  EXPECT_EQ(find_subcommand(row("client"), ""), nullptr);
  EXPECT_EQ(find_subcommand(row("client"), huge), nullptr);
  EXPECT_EQ(find_subcommand(row("get"), "get"), nullptr);
  EXPECT_EQ(find_subcommand(row("config"), "setname"), nullptr);
}

TEST(CommandTable, OnlyLettersAreFolded) {
  // These differ from a name in the bit that tells the cases of letters apart, or in the top bit.
  EXPECT_NE(find_command("BITFIELD_RO"), nullptr);
  EXPECT_EQ(find_command("bitfield\x7fro"), nullptr);
  EXPECT_NE(find_command("Host:"), nullptr);
  EXPECT_EQ(find_command("host\x1a"), nullptr);
  EXPECT_EQ(find_command("ge\xf4"), nullptr);
  EXPECT_EQ(find_command("ge\xd4"), nullptr);
  EXPECT_EQ(find_subcommand(row("client"), "no\revict"), nullptr);
  EXPECT_NE(find_subcommand(row("client"), "NO-Evict"), nullptr);
}

TEST(CommandTable, NamesLongerThanTwoWordsAreComparedWhole) {
  EXPECT_NE(find_command("GeoRadiusByMember_RO"), nullptr);
  for (std::size_t i = 0; i < std::string_view("georadiusbymember_ro").size(); ++i) {
    std::string name = "georadiusbymember_ro";
    name[i] = 'x';
    EXPECT_EQ(find_command(name), nullptr) << name;
  }
}

TEST(CommandTable, ArityCountsTheNameAndNegativeMeansAtLeast) {
  EXPECT_TRUE(row("get").accepts(2));
  EXPECT_FALSE(row("get").accepts(1));
  EXPECT_FALSE(row("get").accepts(3));
  EXPECT_FALSE(row("mget").accepts(1));
  EXPECT_TRUE(row("mget").accepts(2));
  EXPECT_TRUE(row("mget").accepts(1000000));
  EXPECT_TRUE(row("client|setname").accepts(3));
  EXPECT_FALSE(row("client|setname").accepts(2));
}

TEST(CommandTable, Treatments) {
  const auto expect = [](Treatment treatment, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) EXPECT_EQ(row(name).treatment, treatment) << name;
  };
  expect(Treatment::shared,
         {"get", "set", "del", "eval", "publish", "xread", "config|get", "command|docs"});
  expect(Treatment::pinned, {"blpop",      "brpop",       "brpoplpush",      "blmove",
                             "blmpop",     "bzpopmin",    "bzpopmax",        "bzmpop",
                             "wait",       "waitaof",     "subscribe",       "psubscribe",
                             "ssubscribe", "unsubscribe", "punsubscribe",    "sunsubscribe",
                             "multi",      "exec",        "discard",         "watch",
                             "unwatch",    "monitor",     "client|tracking", "client|caching",
                             "readonly",   "readwrite",   "asking",          "script|debug"});
  expect(Treatment::local,
         {"echo", "quit", "reset", "client", "client|setname", "client|getname", "client|setinfo",
          "client|id", "client|info", "client|reply", "client|trackinginfo", "client|getredir"});
  expect(Treatment::intercepted, {"auth", "hello", "select", "info", "ping", "client|unblock"});
  expect(Treatment::refused, {"shutdown", "sync", "psync", "replconf", "post", "host:"});
  expect(Treatment::intercepted, {"client|kill", "client|list", "client|pause", "client|unpause",
                                  "client|no-evict", "client|no-touch"});
}

TEST(CommandTable, NothingThatChangesItsConnectionIsShared) {
  // A blocking or subscribing command on a shared lane would hold or turn it for everybody. XREAD
  // and XREADGROUP block by an argument only.
  for (const Command& command : all_commands()) {
    if (command.treatment != Treatment::shared) continue;
    if (command.name == "xread" || command.name == "xreadgroup") continue;
    EXPECT_FALSE(command.is(flag::blocking)) << command.name;
    EXPECT_FALSE(command.is(flag::no_auth)) << command.name;
  }
}

TEST(CommandTable, ClassesFollowTheFlags) {
  for (const Command& command : all_commands()) {
    if (command.command_class == CommandClass::read) {
      EXPECT_FALSE(command.is(flag::write | flag::pubsub)) << command.name;
    }
    if (command.command_class == CommandClass::write) {
      EXPECT_TRUE(command.is(flag::write)) << command.name;
    }
    EXPECT_FALSE(command.is(flag::write) && command.is(flag::readonly)) << command.name;
  }
  EXPECT_EQ(row("blpop").command_class, CommandClass::blocking);
  EXPECT_EQ(row("publish").command_class, CommandClass::pubsub);
  EXPECT_EQ(row("evalsha_ro").command_class, CommandClass::script);
  EXPECT_EQ(row("function|load").command_class, CommandClass::script);
  EXPECT_EQ(row("exec").command_class, CommandClass::transaction);
  EXPECT_EQ(row("xread").command_class, CommandClass::read);
  EXPECT_EQ(row("xreadgroup").command_class, CommandClass::write);
}

TEST(CommandTable, KeyPositions) {
  EXPECT_EQ(row("mset").first_key, 1);
  EXPECT_EQ(row("mset").last_key, -1);
  EXPECT_EQ(row("mset").key_step, 2);
  EXPECT_EQ(row("ping").first_key, 0);
  EXPECT_TRUE(row("eval").is(flag::movablekeys));
}

}  // namespace
}  // namespace hawser::protocol
