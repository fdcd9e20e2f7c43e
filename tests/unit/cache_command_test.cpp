#include "proxy/cache/cache_command.hpp"

#include <gtest/gtest.h>

#include "tests/unit/built_request.hpp"

namespace hawser {
namespace {

using Words = std::vector<std::string_view>;

CacheCommand parse(const Words& words) {
  static std::vector<std::unique_ptr<Built>> kept;  // What is parsed are views.
  kept.push_back(std::make_unique<Built>(words));
  return parse_cache_command(kept.back()->request);
}

std::string error_of(const Words& words) {
  const CacheCommand command = parse(words);
  const auto* error = std::get_if<CacheError>(&command);
  return error != nullptr ? error->text : "";
}

TEST(CacheCommand, SetTakesItsOptionsInAnyOrder) {
  const auto set = std::get<CacheSet>(
      parse({"cache.SET", "k", "v", "tags", "2", "a", "b", "LEASE", "1f-2e-17-3d", "Ex", "10"}));
  EXPECT_EQ(set.key, "k");
  EXPECT_EQ(set.value, "v");
  EXPECT_EQ(set.life_ms, 10'000);
  EXPECT_EQ(set.tags, (Words{"a", "b"}));
  ASSERT_TRUE(set.lease);
  EXPECT_EQ(set.lease->server, 0x1fU);
  EXPECT_EQ(set.lease->generation, "2e");
  EXPECT_EQ(set.lease->sequence, "17");
  EXPECT_EQ(set.lease->nonce, "3d");
}

TEST(CacheCommand, ATagMayBeNamedLikeAnOption) {
  const auto set = std::get<CacheSet>(parse({"CACHE.SET", "k", "v", "TAGS", "1", "EX", "PX", "5"}));
  EXPECT_EQ(set.tags, Words{"EX"});
  EXPECT_EQ(set.life_ms, 5);
}

TEST(CacheCommand, SetIsRefusedInRedisWords) {
  EXPECT_EQ(error_of({"CACHE.SET", "k"}), "ERR wrong number of arguments for 'cache.set' command");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "EX"}), "ERR syntax error");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "NX"}), "ERR syntax error");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "EX", "1", "PX", "1"}), "ERR syntax error");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "TAGS", "1", "a", "TAGS", "1", "b"}),
            "ERR syntax error");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "EX", "1.5"}),
            "ERR value is not an integer or out of range");
  for (const char* life : {"0", "-1", "9223372036854775807"}) {
    EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "EX", life}),
              "ERR invalid expire time in 'cache.set' command");
  }
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "TAGS", "x"}),
            "ERR value is not an integer or out of range");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "TAGS", "0"}), "ERR numtags should be greater than 0");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "TAGS", "2", "a"}),
            "ERR Number of tags can't be greater than number of args");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "TAGS", "1", "a", "b"}), "ERR syntax error");
  EXPECT_EQ(error_of({"CACHE.SET", "k", "v", "LEASE", "no token"}), "ERR invalid lease token");
}

TEST(CacheCommand, TagsHaveLimits) {
  const std::string longest(256, 't');
  const std::string too_long(257, 't');
  EXPECT_EQ(error_of({"CACHE.TAG", "k", "1", longest}), "");
  EXPECT_EQ(error_of({"CACHE.TAG", "k", "1", too_long}), "ERR a tag must have 1 to 256 bytes");
  EXPECT_EQ(error_of({"CACHE.TAG", "k", "1", ""}), "ERR a tag must have 1 to 256 bytes");
  Words many = {"CACHE.UNTAG", "k", "32"};
  for (int i = 0; i < 32; ++i) many.emplace_back("t");
  EXPECT_EQ(error_of(many), "");
  many[2] = "33";
  many.emplace_back("t");
  EXPECT_EQ(error_of(many), "ERR a key can't have more than 32 tags");
}

TEST(CacheCommand, TagAndUntagDifferInWhatTheyDo) {
  EXPECT_FALSE(std::get<CacheTag>(parse({"CACHE.TAG", "k", "1", "t"})).removes);
  EXPECT_TRUE(std::get<CacheTag>(parse({"CACHE.UNTAG", "k", "1", "t"})).removes);
}

TEST(CacheCommand, GetTakesALeaseForTenMinutesAtMost) {
  const auto get = std::get<CacheGet>(parse({"CACHE.GET", "k", "STALE", "7", "LEASE", "600000"}));
  EXPECT_EQ(get.lease_ms, 600'000);
  EXPECT_EQ(get.stale_ms, 7);
  EXPECT_EQ(error_of({"CACHE.GET", "k", "LEASE", "600001"}),
            "ERR invalid expire time in 'cache.get' command");
  EXPECT_EQ(error_of({"CACHE.GET", "k", "LEASE", "1", "LEASE", "1"}), "ERR syntax error");
  EXPECT_EQ(error_of({"CACHE.GET", "k", "x"}), "ERR syntax error");
}

TEST(CacheCommand, InvalidateTakesTagsBehindAsync) {
  const auto both = std::get<CacheInvalidate>(parse({"CACHE.INVALIDATE", "async", "a", "b"}));
  EXPECT_TRUE(both.is_async);
  EXPECT_EQ(both.tags, (Words{"a", "b"}));
  EXPECT_EQ(std::get<CacheInvalidate>(parse({"CACHE.INVALIDATE", "a", "async"})).tags,
            (Words{"a", "async"}));
  EXPECT_EQ(error_of({"CACHE.INVALIDATE", "ASYNC"}),
            "ERR wrong number of arguments for 'cache.invalidate' command");
  Words many(1001, "t");
  many[0] = "CACHE.INVALIDATE";
  EXPECT_EQ(error_of(many), "");
  many.emplace_back("t");
  EXPECT_EQ(error_of(many), "ERR more than 1000 tags at once");
}

TEST(LeaseToken, OnlyWhatHawserGivesIsOne) {
  EXPECT_TRUE(parse_lease_token("ffffffffffffffff-0-1763731363123456-0"));
  for (const char* text :
       {"", "-", "1-2-3", "1-2-3-", "1-2-3-4-5", "1--3-4", "g-2-3-4", "1-2-x-4", "1-2-3 -4",
        "11111111111111111-2-3-4", "1-2-11111111111111111-4", "A-2-3-4"}) {
    EXPECT_FALSE(parse_lease_token(text)) << text;
  }
  EXPECT_EQ(parse_lease_token(to_hex(~0ULL) + "-1-2-3")->server, ~0ULL);
}

}  // namespace
}  // namespace hawser
