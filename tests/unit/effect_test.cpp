#include "proxy/upstream/effect.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using protocol::find_command;

TEST(Effect, OfCommands) {
  EXPECT_EQ(effect_of(find_command("get")), Effect::read);
  EXPECT_EQ(effect_of(find_command("keys")), Effect::write);
  EXPECT_EQ(effect_of(find_command("set")), Effect::write);
  EXPECT_EQ(effect_of(find_command("evalsha_ro")), Effect::unknown);
  EXPECT_EQ(effect_of(nullptr), Effect::unknown);
}

TEST(Effect, ErrorOfAPlainCommandProvesThatItWasNotExecuted) {
  EXPECT_TRUE(proves_not_executed(find_command("set"), "-LOADING no\r\n"));
  EXPECT_FALSE(proves_not_executed(nullptr, "-LOADING no\r\n"));
  EXPECT_FALSE(proves_not_executed(find_command("exec"), "-LOADING no\r\n"));
}

TEST(Effect, OfAScriptOnlyRedisExactNoscriptProvesIt) {
  const auto* evalsha = find_command("evalsha");
  EXPECT_TRUE(proves_not_executed(evalsha, kNoScript));
  EXPECT_TRUE(proves_not_executed(find_command("evalsha_ro"), kNoScript));
  EXPECT_FALSE(proves_not_executed(find_command("eval"), kNoScript));
  EXPECT_FALSE(proves_not_executed(find_command("fcall"), kNoScript));
  EXPECT_FALSE(proves_not_executed(nullptr, kNoScript));
  for (const char* other :
       {"-NOSCRIPT\r\n", "-NOSCRIPT No matching script. Please use EVAL. script: f_1\r\n",
        "-BUSY Redis is busy\r\n", "-LOADING Redis is loading\r\n"}) {
    EXPECT_FALSE(proves_not_executed(evalsha, other)) << other;
  }
}

}  // namespace
}  // namespace hawser
