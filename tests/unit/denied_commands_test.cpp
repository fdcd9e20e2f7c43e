#include "proxy/traffic/denied_commands.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using protocol::find_command;
using protocol::find_subcommand;

bool denies(const DeniedCommands& denied, std::string_view name, std::string_view sub = {}) {
  const protocol::Command* row = find_command(name);
  if (row != nullptr && !sub.empty() && protocol::has_subcommands(*row)) {
    const protocol::Command* found = find_subcommand(*row, sub);
    if (found != nullptr) row = found;
  }
  return denied.denies(row, name, sub);
}

TEST(DeniedCommands, NamesAreInAnyCase) {
  const DeniedCommands denied({"FlushAll", "CONFIG|Set"});
  EXPECT_TRUE(denies(denied, "flushall"));
  EXPECT_TRUE(denies(denied, "FLUSHALL"));
  EXPECT_TRUE(denies(denied, "config", "SET"));
  EXPECT_FALSE(denies(denied, "flushdb"));
}

TEST(DeniedCommands, ContainerStandsForAllItsSubcommands) {
  const DeniedCommands denied({"config"});
  EXPECT_TRUE(denies(denied, "config"));
  EXPECT_TRUE(denies(denied, "config", "get"));
  EXPECT_TRUE(denies(denied, "config", "nosuch"));
}

TEST(DeniedCommands, SubcommandStandsForItself) {
  const DeniedCommands denied({"config|set"});
  EXPECT_FALSE(denies(denied, "config"));
  EXPECT_FALSE(denies(denied, "config", "get"));
  EXPECT_FALSE(denies(denied, "config", "nosuch"));
}

TEST(DeniedCommands, CommandsOfModulesToo) {
  const DeniedCommands denied({"json.del", "ft.config|set"});
  EXPECT_TRUE(denies(denied, "JSON.DEL", "k"));
  EXPECT_FALSE(denies(denied, "json.get", "k"));
  EXPECT_TRUE(denies(denied, "FT.CONFIG", "SET"));
  EXPECT_FALSE(denies(denied, "ft.config", "get"));
  EXPECT_FALSE(denies(denied, "ft.config"));
}

TEST(DeniedCommands, NewListTakesThePlaceOfTheOld) {
  DeniedCommands denied({"flushall", "json.del"});
  denied.set({"debug"});
  EXPECT_FALSE(denies(denied, "flushall"));
  EXPECT_FALSE(denies(denied, "json.del"));
  EXPECT_TRUE(denies(denied, "debug"));
}

}  // namespace
}  // namespace hawser
