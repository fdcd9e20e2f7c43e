#include "proxy/transactions/redirection.hpp"

#include <gtest/gtest.h>

#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

TEST(Redirection, IsFoundAndReplaced) {
  const Built tracking({"CLIENT", "TRACKING", "ON", "BCAST", "redirect", "5"});
  EXPECT_EQ(redirection_of(tracking.request), 5);
  EXPECT_TRUE(redirect_to(tracking.request, 1234).ends_with("$8\r\nredirect\r\n$4\r\n1234\r\n"));
  EXPECT_EQ(redirection_of(Built({"CLIENT", "TRACKING", "ON"}).request), std::nullopt);
  EXPECT_EQ(redirection_of(Built({"CLIENT", "TRACKING", "ON", "REDIRECT"}).request), std::nullopt);
}

TEST(Redirection, WhatIsNoNumberIsLeftToRedis) {
  for (const std::string_view id : {"x", "", "+5", "05", "5x", "99999999999999999999"}) {
    EXPECT_EQ(redirection_of(Built({"CLIENT", "TRACKING", "ON", "REDIRECT", id}).request),
              std::nullopt)
        << id;
  }
  EXPECT_EQ(redirection_of(Built({"CLIENT", "TRACKING", "ON", "REDIRECT", "-1"}).request), -1);
}

TEST(Redirection, OtherCommandsHaveNone) {
  EXPECT_EQ(redirection_of(Built({"SET", "a", "b", "REDIRECT", "5"}).request), std::nullopt);
}

TEST(Redirection, IsToldInTheClientsWords) {
  EXPECT_EQ(name_redirection("client|getredir", ":1234\r\n", 5), ":5\r\n");
  EXPECT_EQ(name_redirection("client|getredir", ":-1\r\n", 5), ":-1\r\n");
  EXPECT_EQ(name_redirection("client|getredir", ":0\r\n", 5), ":0\r\n");
  EXPECT_EQ(name_redirection("client|trackinginfo",
                             "%1\r\n$8\r\nredirect\r\n:1234\r\n$8\r\nprefixes\r\n*0\r\n", 5),
            "%1\r\n$8\r\nredirect\r\n:5\r\n$8\r\nprefixes\r\n*0\r\n");
  EXPECT_EQ(name_redirection("client|trackinginfo", "-ERR x\r\n", 5), "-ERR x\r\n");
  EXPECT_EQ(name_redirection("client|tracking", "+OK\r\n", 5), "+OK\r\n");
}

}  // namespace
}  // namespace hawser
