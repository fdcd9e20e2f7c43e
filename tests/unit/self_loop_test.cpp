#include "config/self_loop.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hawser::config {
namespace {

bool loops(std::string_view upstream, std::initializer_list<std::string_view> listeners) {
  std::vector<ListenUrl> parsed;
  for (const auto listener : listeners) parsed.push_back(*parse_listen_url(listener));
  return find_self_loop(*parse_redis_url(upstream), parsed).has_value();
}

TEST(SelfLoop, SameAddressAndPort) {
  EXPECT_TRUE(loops("redis://127.0.0.1:6380", {"tcp://127.0.0.1:6380"}));
  EXPECT_TRUE(loops("redis://[::1]:6380", {"tcp://[::1]:6380"}));
  EXPECT_TRUE(loops("redis://10.0.0.1:6380", {"tcp://10.0.0.1:6380"}));
  EXPECT_TRUE(loops("redis://box:6380", {"tcp://BOX.:6380"}));
}

TEST(SelfLoop, AnyOfSeveralListeners) {
  EXPECT_TRUE(loops("redis://127.0.0.1:6381",
                    {"unix:///run/a.sock", "tcp://127.0.0.1:6380", "tcp://127.0.0.1:6381"}));
}

TEST(SelfLoop, AnotherPortIsAnotherServer) {
  EXPECT_FALSE(loops("redis://127.0.0.1:6379", {"tcp://127.0.0.1:6380"}));
  EXPECT_FALSE(loops("redis://127.0.0.1:6379", {"tcp://127.0.0.1:0"}));
}

TEST(SelfLoop, LocalhostIsTheLoopback) {
  EXPECT_TRUE(loops("redis://localhost:6380", {"tcp://127.0.0.1:6380"}));
  EXPECT_TRUE(loops("redis://LOCALHOST:6380", {"tcp://[::1]:6380"}));
  EXPECT_TRUE(loops("redis://127.0.0.1:6380", {"tcp://localhost:6380"}));
}

TEST(SelfLoop, ListenerOnEveryAddressHasTheLoopbackToo) {
  EXPECT_TRUE(loops("redis://127.0.0.1:6380", {"tcp://0.0.0.0:6380"}));
  EXPECT_TRUE(loops("redis://127.1.2.3:6380", {"tcp://0.0.0.0:6380"}));
  EXPECT_TRUE(loops("redis://localhost:6380", {"tcp://[::]:6380"}));
  EXPECT_TRUE(loops("redis://127.0.0.1:6380", {"tcp://[::]:6380"}));
  EXPECT_TRUE(loops("redis://[::1]:6380", {"tcp://[::]:6380"}));
  EXPECT_FALSE(loops("redis://[::1]:6380", {"tcp://0.0.0.0:6380"}));
  EXPECT_FALSE(loops("redis://10.0.0.1:6380", {"tcp://0.0.0.0:6380"}));
}

TEST(SelfLoop, ConnectingToEveryAddressIsConnectingToTheLoopback) {
  EXPECT_TRUE(loops("redis://0.0.0.0:6380", {"tcp://127.0.0.1:6380"}));
  EXPECT_TRUE(loops("redis://[::]:6380", {"tcp://[::1]:6380"}));
}

TEST(SelfLoop, OtherSpellingsOfTheSameAddress) {
  EXPECT_TRUE(loops("redis://127.1:6380", {"tcp://127.0.0.1:6380"}));
  EXPECT_TRUE(loops("redis://[::ffff:127.0.0.1]:6380", {"tcp://127.0.0.1:6380"}));
  EXPECT_TRUE(loops("redis://[0:0::1]:6380", {"tcp://[::1]:6380"}));
}

TEST(SelfLoop, AnotherLoopbackAddressIsAnotherServer) {
  EXPECT_FALSE(loops("redis://127.0.0.1:6379", {"tcp://127.0.0.2:6379"}));
}

TEST(SelfLoop, SameUnixPathInAnySpelling) {
  EXPECT_TRUE(loops("unix:///run/hawser/r.sock", {"unix:///run/hawser/r.sock"}));
  EXPECT_TRUE(loops("unix:///run//x/../hawser/./r.sock", {"unix:///run/hawser/r.sock"}));
  EXPECT_FALSE(loops("unix:///run/redis/r.sock", {"unix:///run/hawser/r.sock"}));
}

TEST(SelfLoop, TransportsDoNotMix) {
  EXPECT_FALSE(loops("unix:///run/r.sock", {"tcp://127.0.0.1:6379"}));
  EXPECT_FALSE(loops("redis://127.0.0.1:6379", {"unix:///run/r.sock"}));
}

TEST(SelfLoop, SentenceNamesBothSidesWithoutPassword) {
  const std::vector<ListenUrl> listeners = {*parse_listen_url("tcp://127.0.0.1:6380")};
  const auto sentence =
      find_self_loop(*parse_redis_url("redis://:hunter2@localhost:6380"), listeners);
  ASSERT_TRUE(sentence);
  EXPECT_EQ(*sentence,
            "hawser would connect to itself: the upstream redis://:***@localhost:6380/0 is its own "
            "listener tcp://127.0.0.1:6380 (give it the URL of Redis with --upstream or "
            "HAWSER_UPSTREAM; a REDIS_URL that already names hawser is for the application)");
}

}  // namespace
}  // namespace hawser::config
