#include "proxy/upstream/users.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using namespace std::chrono_literals;

class UsersTest : public ::testing::Test {
 protected:
  static config::RedisUrl url() {
    config::RedisUrl out;
    out.password = "secret";
    return out;
  }
  Users users_{url(), 60s};
  const TimePoint now_{1000s};
};

TEST_F(UsersTest, UrlsOwnCredentialsAreKnown) {
  EXPECT_EQ(users_.recognise({"default", "secret"}, now_), kUpstreamUser);
  EXPECT_EQ(users_.recognise({"", "secret"}, now_), std::nullopt);
  EXPECT_EQ(users_.recognise({"default", "wrong"}, now_), std::nullopt);
  EXPECT_EQ(users_.recognise({"default", ""}, now_), std::nullopt);
}

TEST_F(UsersTest, AcceptedPasswordIsKnownForTheCacheTimeOnly) {
  const UserId alice = users_.accept({"alice", "apple"}, now_);
  EXPECT_NE(alice, kUpstreamUser);
  EXPECT_EQ(users_.recognise({"alice", "apple"}, now_ + 59s), alice);
  EXPECT_EQ(users_.recognise({"alice", "apple"}, now_ + 60s), std::nullopt);
  EXPECT_EQ(users_.recognise({"alice", "pear"}, now_), std::nullopt);
  EXPECT_EQ(users_.recognise({"bob", "apple"}, now_), std::nullopt);
}

TEST_F(UsersTest, WhatWasAcceptedWithANameIsNotKnownWithoutOne) {
  users_.accept({"default", "any"}, now_);
  EXPECT_EQ(users_.recognise({"default", "any"}, now_), kUpstreamUser);
  EXPECT_EQ(users_.recognise({"default", "any", false}, now_), std::nullopt);
  EXPECT_EQ(users_.recognise({"default", "secret", false}, now_), kUpstreamUser);  // As the URL's.
  config::RedisUrl named = url();
  named.user = "default";
  const Users users{named, 60s};
  EXPECT_EQ(users.recognise({"default", "secret"}, now_), kUpstreamUser);
  EXPECT_EQ(users.recognise({"default", "secret", false}, now_), std::nullopt);
}

TEST_F(UsersTest, RefusedUserIsForgotten) {
  const UserId alice = users_.accept({"alice", "apple"}, now_);
  users_.forget(alice);
  EXPECT_EQ(users_.recognise({"alice", "apple"}, now_), std::nullopt);
}

TEST_F(UsersTest, NewPasswordReplacesTheOldOneForTheSameUser) {
  const UserId alice = users_.accept({"alice", "apple"}, now_);
  EXPECT_EQ(users_.accept({"alice", "pear"}, now_), alice);
  EXPECT_EQ(users_.credentials(alice).password, "pear");
  EXPECT_EQ(users_.recognise({"alice", "apple"}, now_), std::nullopt);
}

TEST_F(UsersTest, UrlWithoutPasswordRecognisesNone) {
  Users open{config::RedisUrl{}, 60s};
  EXPECT_EQ(open.recognise({"default", ""}, now_), std::nullopt);
  EXPECT_EQ(open.recognise({"default", "x"}, now_), std::nullopt);
}

TEST_F(UsersTest, NamedUserOfTheUrlIsTheUpstreamUser) {
  config::RedisUrl named = url();
  named.user = "app";
  const Users users{named, 60s};
  EXPECT_EQ(users.recognise({"app", "secret"}, now_), kUpstreamUser);
  EXPECT_EQ(users.recognise({"default", "secret"}, now_), std::nullopt);
  EXPECT_EQ(users.credentials(kUpstreamUser).user, "app");
}

TEST_F(UsersTest, AcceptedAgainIsKnownForAnotherCacheTime) {
  const UserId alice = users_.accept({"alice", "apple"}, now_);
  EXPECT_EQ(users_.accept({"alice", "apple"}, now_ + 50s), alice);
  EXPECT_EQ(users_.recognise({"alice", "apple"}, now_ + 100s), alice);
}

TEST_F(UsersTest, CacheTimeOfZeroRemembersNothing) {
  Users users{url(), 0s};
  users.accept({"alice", "apple"}, now_);
  EXPECT_EQ(users.recognise({"alice", "apple"}, now_), std::nullopt);
}

}  // namespace
}  // namespace hawser
