#include "config/cache_rule.hpp"

#include <gtest/gtest.h>

namespace hawser::config {
namespace {

using Kind = KeyToken::Kind;
using Tags = std::vector<std::string>;

/// The pattern as text: 'literal' ? * name/end.
std::string shape(const CacheRule& rule) {
  std::string out;
  for (const KeyToken& token : rule.pattern) {
    if (!out.empty()) out += ' ';
    if (token.kind == Kind::literal) out += "'" + token.text + "'";
    if (token.kind == Kind::any_one) out += "?";
    if (token.kind == Kind::any_run) out += "*";
    if (token.kind == Kind::part) out += token.text + "/" + (token.end ? *token.end : '$');
  }
  return out;
}

std::string shape_of(std::string_view match) {
  const auto rule = parse_cache_rule(match, Tags{"t"});
  return rule ? shape(*rule) : rule.error().message;
}

/// Each piece of the first tag as 'text' and the number of the part.
std::string tag_shape_of(std::string_view match, const std::string& tag) {
  const auto rule = parse_cache_rule(match, Tags{tag});
  if (!rule) return rule.error().message;
  std::string out;
  for (const TagPiece& piece : rule->templates.front()) {
    out += "'" + piece.text + "'";
    if (piece.part) out += std::to_string(*piece.part);
  }
  return out;
}

std::string match_problem(std::string_view match) {
  const auto rule = parse_cache_rule(match, Tags{"t"});
  if (rule) return "none";
  EXPECT_EQ(rule.error().tag, std::nullopt);
  return rule.error().message;
}

std::string tag_problem(const std::string& tag) {
  const auto rule = parse_cache_rule("{a}:{b}", Tags{"good", tag});
  if (rule) return "none";
  EXPECT_EQ(rule.error().tag, std::size_t{1});
  return rule.error().message;
}

TEST(CacheRule, KeepsWhatWasWritten) {
  const auto rule = parse_cache_rule("a:{x}:*", Tags{"b:{x}", "c"});
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->match, "a:{x}:*");
  EXPECT_EQ(rule->tags, (Tags{"b:{x}", "c"}));
  EXPECT_EQ(rule->templates.size(), 2u);
}

TEST(CacheRule, PatternIsTakenApart) {
  EXPECT_EQ(shape_of("abc"), "'abc'");
  EXPECT_EQ(shape_of("list:orders:{company}:*"), "'list:orders:' company/: ':' *");
  EXPECT_EQ(shape_of("a?b*"), "'a' ? 'b' *");
  EXPECT_EQ(shape_of("***a**"), "* 'a' *");
  EXPECT_EQ(shape_of("*?*"), "* ? *");
  EXPECT_EQ(shape_of("{a}:{b_2}-x{C}"), "a/: ':' b_2/- '-x' C/$");
  EXPECT_EQ(shape_of("*{a}"), "* a/$");
  EXPECT_EQ(shape_of("[a]"), "'[a]'");
}

TEST(CacheRule, BackslashTakesTheNextCharacterAsItIs) {
  EXPECT_EQ(shape_of("a\\*\\?\\{b\\}\\\\\\c"), "'a*?{b}\\c'");
  EXPECT_EQ(shape_of("{a}\\*"), "a/* '*'");
  EXPECT_EQ(tag_shape_of("{a}", "\\{a\\}\\\\{a}"), "'{a}\\'0");
}

TEST(CacheRule, TagNamesPartsOfThePattern) {
  EXPECT_EQ(tag_shape_of("{a}:{b}", "x"), "'x'");
  EXPECT_EQ(tag_shape_of("{a}:{b}", "{b}"), "''1");
  EXPECT_EQ(tag_shape_of("{a}:{b}", "x{b}{a}y{b}"), "'x'1''0'y'1");
  EXPECT_EQ(tag_shape_of("{a}", "*?"), "'*?'");
}

TEST(CacheRule, BadPatternsAreNamed) {
  EXPECT_EQ(match_problem(""),
            "empty pattern (got nothing, want a pattern like \"list:{company}:*\")");
  EXPECT_EQ(match_problem("a\\"),
            "\\ with nothing behind it (got \\, want a character behind it, or \\\\)");
  EXPECT_EQ(match_problem("a:{b"),
            "{ without } (got {b, want {name}, a letter, then letters, digits or _, or \\{)");
  EXPECT_EQ(match_problem("a:b}c"), "} without { (got }c, want {name}, or \\})");
  for (const auto* name :
       {"{}", "{1a}", "{_a}", "{a-b}", "{a b}", "{a{b}", "{a\\}", "{\xc3\xa4}"}) {
    EXPECT_EQ(match_problem(std::string("x") + name),
              "bad name (got " + std::string(name) +
                  ", want {name}, a letter, then letters, digits or _, or \\{)");
  }
}

TEST(CacheRule, PartWithoutAnEndIsAProblem) {
  constexpr std::string_view kWant =
      " behind it, want a literal character or the end of the pattern)";
  for (const std::string_view next : {"{b}", "*", "?"}) {
    EXPECT_EQ(match_problem("x:{a}" + std::string(next) + ":"),
              "{a} has no end (got " + std::string(next) + std::string(kWant));
  }
}

TEST(CacheRule, NamesAreUnique) {
  EXPECT_EQ(match_problem("{a}:{b}:{a}"),
            "the same name twice (got {a}, want another name for one of them)");
  EXPECT_EQ(match_problem("{a}:{A}"), "none");
}

TEST(CacheRule, NumberOfPartsIsLimited) {
  std::string pattern;
  for (int i = 0; i < 32; ++i) pattern += "{p" + std::to_string(i) + "}:";
  EXPECT_EQ(match_problem(pattern), "none");
  EXPECT_EQ(match_problem(pattern + "{q}"), "too many named parts (got 33, want at most 32)");
}

TEST(CacheRule, BadTagsAreNamedWithTheirPlace) {
  EXPECT_EQ(tag_problem(""),
            "empty tag (got nothing, want a tag like \"company:{company}:orders\")");
  EXPECT_EQ(tag_problem("x{c}"), "a part that match does not have (got {c}, want {a} or {b})");
  EXPECT_EQ(tag_problem("x{c"),
            "{ without } (got {c, want {name}, a letter, then letters, digits or _, or \\{)");
  EXPECT_EQ(tag_problem("x}"), "} without { (got }, want {name}, or \\})");
  EXPECT_EQ(tag_problem("x\\"),
            "\\ with nothing behind it (got \\, want a character behind it, or \\\\)");
  const auto rule = parse_cache_rule("a*", Tags{"{a}"});
  ASSERT_FALSE(rule);
  EXPECT_EQ(rule.error().message,
            "a part that match does not have (got {a}, want a text without parts, since match has "
            "none)");
}

TEST(CacheRule, TagThatIsAlwaysTooLongIsAProblem) {
  EXPECT_EQ(tag_problem(std::string(256, 'x')), "none");
  EXPECT_EQ(tag_problem(std::string(257, 'x')), "tag too long (got 257 bytes, want at most 256)");
  // A part is at least one byte.
  EXPECT_EQ(tag_problem(std::string(255, 'x') + "{a}"), "none");
  EXPECT_EQ(tag_problem(std::string(256, 'x') + "{a}"),
            "tag too long (got 257 bytes, want at most 256)");
  std::string escaped;
  for (int i = 0; i < 256; ++i) escaped += "\\{";
  EXPECT_EQ(tag_problem(escaped), "none");
}

TEST(CacheRule, NumberOfTagsIsLimited) {
  EXPECT_TRUE(parse_cache_rule("a", Tags(32, "t")));
  const auto rule = parse_cache_rule("a", Tags(33, "t"));
  ASSERT_FALSE(rule);
  EXPECT_EQ(rule.error().tag, std::size_t{32});
  EXPECT_EQ(rule.error().message, "too many tags (got 33, want at most 32)");
}

TEST(CacheRule, WrongPatternIsToldBeforeWrongTags) {
  const auto rule = parse_cache_rule("{", Tags{"{a}"});
  ASSERT_FALSE(rule);
  EXPECT_EQ(rule.error().tag, std::nullopt);
}

}  // namespace
}  // namespace hawser::config
