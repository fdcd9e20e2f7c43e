#include "proxy/transactions/splice.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

constexpr std::string_view kReply = "*3\r\n+OK\r\n*2\r\n:1\r\n:2\r\n$1\r\nx\r\n";

TEST(Splice, PutsElementsInTheirPlaces) {
  EXPECT_EQ(splice(kReply, {}, {}), kReply);
  EXPECT_EQ(splice(kReply, {{1, ":7\r\n"}}, {}), "*3\r\n+OK\r\n:7\r\n$1\r\nx\r\n");
  EXPECT_EQ(splice(kReply, {{0, "_\r\n"}, {2, "$2\r\nyz\r\n"}}, {}),
            "*3\r\n_\r\n*2\r\n:1\r\n:2\r\n$2\r\nyz\r\n");
}

TEST(Splice, WhatHasNoSuchElementStaysAsItIs) {
  for (const std::string_view reply :
       {"*0\r\n", "*-1\r\n", "_\r\n", "-EXECABORT x\r\n", "+OK\r\n"}) {
    EXPECT_EQ(splice(reply, {{0, ":7\r\n"}}, {}), reply);
  }
  EXPECT_EQ(splice(kReply, {{3, ":7\r\n"}}, {}), kReply);
}

TEST(ElementOf, GivesOneElement) {
  EXPECT_EQ(element_of(kReply, 1, {}), "*2\r\n:1\r\n:2\r\n");
  EXPECT_EQ(element_of(kReply, 2, {}), "$1\r\nx\r\n");
  EXPECT_EQ(element_of(kReply, 3, {}), "");
  EXPECT_EQ(element_of("+OK\r\n", 0, {}), "");
}

}  // namespace
}  // namespace hawser
