#include "proxy/cache/rules/tag_rules.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/unit/pieces.hpp"

namespace hawser {
namespace {

using namespace std::string_view_literals;

using config::CacheRule;
using config::KeyToken;
using Kind = config::KeyToken::Kind;
using Tags = std::vector<std::string>;

CacheRule rule_of(std::string_view match, const Tags& tags) {
  auto rule = config::parse_cache_rule(match, tags);
  EXPECT_TRUE(rule) << match << ": " << (rule ? "" : rule.error().message);
  return rule ? *rule : CacheRule();
}

/// From a block of its exact size, so that a byte read behind it is found.
Tags tags_of(const TagRules& rules, std::string_view key) {
  const test::ExactBlock block(key);
  Tags tags;
  rules.append_tags(block.view(), tags);
  EXPECT_TRUE(tags.empty() || rules.may_match(block.view())) << key;
  return tags;
}

Tags tags_of(std::string_view match, const Tags& templates, std::string_view key) {
  return tags_of(TagRules({rule_of(match, templates)}), key);
}

bool fits(std::string_view match, std::string_view key) {
  return !tags_of(match, {"t"}, key).empty();
}

TEST(TagRules, WithoutRulesNothingFits) {
  const TagRules rules({});
  EXPECT_TRUE(rules.empty());
  EXPECT_FALSE(rules.may_match(""));
  EXPECT_FALSE(rules.may_match("a"));
  EXPECT_EQ(tags_of(rules, "a"), Tags());
  EXPECT_FALSE(TagRules({rule_of("a", {"t"})}).empty());
}

TEST(TagRules, PartOfTheKeyStandsInTheTag) {
  const Tags templates = {"company:{company}:orders"};
  EXPECT_EQ(tags_of("list:orders:{company}:*", templates, "list:orders:7:page:2"),
            Tags{"company:7:orders"});
  EXPECT_EQ(tags_of("list:orders:{company}:*", templates, "list:orders:7:"),
            Tags{"company:7:orders"});
  EXPECT_EQ(tags_of("list:orders:{company}:*", templates, "list:orders:7"), Tags());
  EXPECT_EQ(tags_of("list:orders:{company}:*", templates, "list:orders::x"), Tags());
  EXPECT_EQ(tags_of("list:orders:{company}:*", templates, "list:order:7:x"), Tags());
}

TEST(TagRules, PartEndsAtTheFirstOfItsEnds) {
  EXPECT_EQ(tags_of("{a}:{b}", {"{a}", "{b}"}, "1:2:3"), (Tags{"1", "2:3"}));
  EXPECT_FALSE(fits("{a}:x", "1:2:x"));
  EXPECT_FALSE(fits("{a}-:x", "1-2-:x"));
  EXPECT_FALSE(fits("{a}:", ":"));
  EXPECT_FALSE(fits("{a}:", "::"));
  EXPECT_FALSE(fits("{a}", ""));
  EXPECT_EQ(tags_of("{a}\\*{b}", {"{b}/{a}"}, "x*y*"), Tags{"y*/x"});
}

TEST(TagRules, StarTakesAsLittleAsItCan) {
  EXPECT_EQ(tags_of("*:{a}", {"{a}"}, "x:y:z"), Tags{"y:z"});
  EXPECT_EQ(tags_of("*{a}", {"{a}"}, "xyz"), Tags{"xyz"});
  EXPECT_EQ(tags_of("*:{a}:x", {"{a}"}, "1:2:3:x"), Tags{"3"});
  EXPECT_EQ(tags_of("*{a}-{b}!*{c}", {"{a},{b},{c}"}, "-1-!-2-3!4"), Tags{"!,2-3,4"});
  EXPECT_EQ(tags_of("*{a}:x*", {"{a}"}, "1:2:x3:x"), Tags{"2"});
}

TEST(TagRules, GlobsOfRedisWithoutClassesFitTheSame) {
  EXPECT_TRUE(fits("*", "a"));
  EXPECT_TRUE(fits("*", ""));
  EXPECT_TRUE(fits("cache:*", "cache:"));
  EXPECT_FALSE(fits("cache:*", "xcache:1"));
  EXPECT_TRUE(fits("*:1", "a:1:1"));
  EXPECT_FALSE(fits("*:1", "a:1:2"));
  EXPECT_TRUE(fits("?", "a"));
  EXPECT_FALSE(fits("?", ""));
  EXPECT_FALSE(fits("a?", "a"));
  EXPECT_TRUE(fits("a?*b", "axb"));
  EXPECT_TRUE(fits("*aab*c", "aaabxc"));
  EXPECT_TRUE(fits("a\\*", "a*"));
  EXPECT_FALSE(fits("a\\*", "ab"));
  EXPECT_TRUE(fits("a\0b"sv, "a\0b"sv));
  EXPECT_FALSE(fits("a\0b"sv, "a"));
  EXPECT_FALSE(fits("a\0"sv, "a"));
  EXPECT_TRUE(fits("abc", "abc"));
  EXPECT_FALSE(fits("abc", "abcd"));
}

TEST(TagRules, KeyThatBeginsOtherwiseCannotMatch) {
  const TagRules rules({rule_of("session:{id}", {"s"}), rule_of("ab*", {"t"})});
  for (const auto* key : {"", "a", "session", "session:", "sessions:1", "Session:1", "xab", "b"}) {
    EXPECT_FALSE(rules.may_match(key)) << key;
  }
  for (const auto* key : {"session:1", "ab", "abc"}) EXPECT_TRUE(rules.may_match(key)) << key;
  EXPECT_TRUE(TagRules({rule_of("{a}", {"s"})}).may_match("x"));
  EXPECT_FALSE(TagRules({rule_of("{a}", {"s"})}).may_match(""));
}

TEST(TagRules, TagsOfAllRulesThatFitEachOnce) {
  const TagRules rules({rule_of("a:{x}:*", {"x:{x}", "all"}), rule_of("b:*", {"no"}),
                        rule_of("a:*:{y}", {"all", "y:{y}"}), rule_of("a:{x}:*", {"x:{x}", "z"})});
  EXPECT_EQ(tags_of(rules, "a:1:2"), (Tags{"x:1", "all", "y:2", "z"}));
  Tags tags = {"z", "own"};
  rules.append_tags("a:1:2", tags);
  EXPECT_EQ(tags, (Tags{"z", "own", "x:1", "all", "y:2"}));
}

TEST(TagRules, TagThatWouldBeTooLongIsLeftOut) {
  EXPECT_EQ(tags_of("{a}", {"x{a}", "{a}"}, std::string(256, 'k')), Tags{std::string(256, 'k')});
  EXPECT_EQ(tags_of("{a}", {"{a}", "t"}, std::string(257, 'k')), Tags{"t"});
}

TEST(TagRules, NoMoreThanThirtyTwoTags) {
  std::vector<CacheRule> many;
  for (int i = 0; i < 20; ++i) {
    many.push_back(rule_of("*", {"a" + std::to_string(i), "b" + std::to_string(i)}));
  }
  const TagRules rules(many);
  EXPECT_EQ(tags_of(rules, "k").size(), 32u);
  EXPECT_EQ(tags_of(rules, "k").back(), "b15");
  Tags tags(31, "own");
  rules.append_tags("k", tags);
  EXPECT_EQ(tags.size(), 32u);
  rules.append_tags("k", tags);
  EXPECT_EQ(tags.size(), 32u);
}

/// The obvious way: everything that a `*` may take is tried, the shortest first.
bool slow_match(const std::vector<KeyToken>& pattern, std::size_t token, std::string_view key,
                std::map<std::string, std::string>& parts) {
  if (token == pattern.size()) return key.empty();
  const KeyToken& now = pattern[token];
  switch (now.kind) {
    case Kind::literal:
      return key.starts_with(now.text) &&
             slow_match(pattern, token + 1, key.substr(now.text.size()), parts);
    case Kind::any_one:
      return !key.empty() && slow_match(pattern, token + 1, key.substr(1), parts);
    case Kind::any_run:
      for (std::size_t size = 0; size <= key.size(); ++size) {
        if (slow_match(pattern, token + 1, key.substr(size), parts)) return true;
      }
      return false;
    case Kind::part:
      break;
  }
  const std::size_t size = now.end ? key.find(*now.end) : key.size();
  if (size == std::string_view::npos || size == 0) return false;
  parts[now.text] = key.substr(0, size);
  return slow_match(pattern, token + 1, key.substr(size), parts);
}

class RandomRules : public testing::Test {
 protected:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  char letter() { return "ab:"[below(3)]; }

  std::string random_key() {
    std::string key;
    for (std::size_t size = below(14); size > 0; --size) key += letter();
    return key;
  }

  std::string random_pattern(std::size_t& parts) {
    std::string pattern;
    for (std::size_t size = 1 + below(7); size > 0; --size) {
      const std::size_t what = below(8);
      const bool behind_part = pattern.ends_with('}');
      if (what == 0 && !behind_part) pattern += '?';
      if (what <= 2 && what > 0 && !behind_part) pattern += '*';
      if (what >= 3 && what <= 4 && !behind_part) pattern += "{p" + std::to_string(parts++) + "}";
      if (what > 4 || pattern.empty()) pattern += letter();
    }
    return pattern;
  }

  std::mt19937 random_{20240607};
};

TEST_F(RandomRules, FitAndTakePartsAsTheObviousWayDoes) {
  std::size_t matched = 0;
  for (int round = 0; round < 4000; ++round) {
    std::size_t parts = 0;
    const std::string pattern = random_pattern(parts);
    // The number of each part keeps equal tags apart.
    Tags templates = {"t"};
    for (std::size_t i = 0; i < parts; ++i) {
      templates.push_back(std::to_string(i) + "={p" + std::to_string(i) + "}");
    }
    const CacheRule rule = rule_of(pattern, templates);
    const TagRules rules({rule});
    for (int i = 0; i < 20; ++i) {
      const std::string key = random_key();
      std::map<std::string, std::string> found;
      Tags expected;
      if (slow_match(rule.pattern, 0, key, found)) {
        ++matched;
        expected.emplace_back("t");
        for (std::size_t part = 0; part < parts; ++part) {
          const std::string number = std::to_string(part);
          expected.push_back(number + "=" + found["p" + number]);
        }
      }
      ASSERT_EQ(tags_of(rules, key), expected) << pattern << " / " << key;
    }
  }
  EXPECT_GT(matched, 5000u);
}

TEST(TagRules, HostileKeysTakeNoLongerThanPatternTimesKey) {
  const std::string many(1 << 20, 'a');
  std::string stars;
  for (int i = 0; i < 100; ++i) stars += "a*";
  EXPECT_TRUE(fits(stars, many));
  EXPECT_FALSE(fits(stars + "b", many));
  // The end of a part is far away, and what follows it does not fit.
  EXPECT_FALSE(fits("*{a}:x", many + ":y"));
  EXPECT_FALSE(fits("*{a}:{b}-x", many + ":" + many + "-y"));
  EXPECT_EQ(tags_of("*{a}:{b}-x", {"t"}, many + ":1-y" + many + ":2-x"), Tags{"t"});
}

}  // namespace
}  // namespace hawser
