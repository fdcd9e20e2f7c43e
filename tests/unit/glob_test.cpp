#include "protocol/glob.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/pieces.hpp"

namespace hawser::protocol {
namespace {

using namespace std::string_view_literals;

struct Case {
  std::string_view pattern;
  std::string_view text;
  bool fits;
};

/// From blocks of their exact size, so that a byte read behind them is found.
void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const hawser::test::ExactBlock pattern(c.pattern);
    const hawser::test::ExactBlock text(c.text);
    EXPECT_EQ(glob_match(pattern.view(), text.view()), c.fits) << c.pattern << " / " << c.text;
  }
}

TEST(Glob, OrdinaryBytesFitThemselvesOnly) {
  check({{"cache", "cache", true},
         {"cache", "Cache", false},
         {"cache", "cach", false},
         {"cache", "caches", false},
         {"a\0b"sv, "a\0b"sv, true},
         {"a\0b"sv, "a\0c"sv, false}});
}

TEST(Glob, StarFitsAnyBytesAndNone) {
  check({{"*", "a", true},
         {"cache:*", "cache:", true},
         {"cache:*", "cache:1", true},
         {"cache:*", "xcache:1", false},
         {"*:1", "cache:1", true},
         {"*:1", "cache:1:2", false},
         {"c*e:*1", "cache:21", true},
         {"c*e:*1", "cache:12", false},
         {"a***", "a", true},
         {"***a", "a", true},
         {"*a*", "bab", true},
         {"*ab", "aab", true},
         {"*aab*c", "aaabxc", true},
         {"a*", "a\r\nb", true}});
}

TEST(Glob, QuestionMarkFitsOneByte) {
  check({{"?", "a", true},
         {"?", "", false},
         {"?", "ab", false},
         {"a?c", "a\0c"sv, true},
         {"*?", "a", true},
         {"??*", "a", false},
         {"?", "\xc3\xa4", false}});
}

TEST(Glob, ClassFitsOneOfItsBytes) {
  check({{"[abc]", "b", true},
         {"[abc]", "d", false},
         {"[abc]", "", false},
         {"[abc]", "ab", false},
         {"h[ae]llo", "hello", true},
         {"h[ae]llo", "hillo", false},
         {"[a-c]", "b", true},
         {"[a-c]", "d", false},
         {"[c-a]", "b", true},
         {"[a-cx-z]", "y", true},
         {"[a-cx-z]", "m", false},
         {"[^a-c]", "b", false},
         {"[^a-c]", "d", true},
         {"[a^]", "^", true},
         {"[*?]", "*", true},
         {"[*?]", "a", false},
         {"x[0-9]*", "x1y", true},
         {"*[0-9]", "abc7", true}});
}

TEST(Glob, OddClassesAreTakenAsRedisTakesThem) {
  check({{"[]", "a", false},     {"[^]", "a", true},
         {"[", "[", false},      {"[", "a", false},
         {"[^", "a", true},      {"[^", "", false},
         {"[^", "ab", false},    {"[abc", "b", true},
         {"[abc", "d", false},   {"[abc", "bc", false},
         {"[^abc", "d", true},   {"[a-", "-", true},
         {"[a-", "a", true},     {"[a-", "b", false},
         {"[a-]", "]", true},  // A range from ] to a, and no end of the class.
         {"[a-]", "`", true},    {"[a-]", "-", false},
         {"[a-]x", "ax", false}, {"[-a]", "-", true},
         {"[-a]", "a", true},    {"[]a]", "a]", false},
         {"[\\]]", "]", true},   {"[\\]]", "\\", false},
         {"[\\a-c]", "a", true}, {"[\\a-c]", "b", false},
         {"[\\a-c]", "-", true}, {"[\\^a]", "^", true},
         {"[\\", "\\", true},    {"[a\\", "\\", true}});
}

TEST(Glob, RangesCountBytesAsSigned) {
  check({{"[\x80-\xff]", "\xc3", true},
         {"[\x80-\xff]", "a", false},
         {"[a-\xff]", "A", true},
         {"[a-\xff]", "\x80", false},
         {"[a-\xff]", "z", false}});
}

TEST(Glob, BackslashTakesTheNextByteAsItIs) {
  check({{"a\\*", "a*", true},
         {"a\\*", "ab", false},
         {"a\\?", "a?", true},
         {"a\\[b]", "a[b]", true},
         {"a\\b", "ab", true},
         {"a\\\\", "a\\", true},
         {"a\\", "a\\", true},
         {"a\\", "a", false},
         {"\\**", "*", true},
         {"\\**", "a", false}});
}

TEST(Glob, EmptyTextFitsTheEmptyPatternOnly) {
  check({{"", "", true}, {"", "a", false}, {"*", "", false}, {"**", "", false}});
}

TEST(Glob, ManyStarsTakeNoLongerThanPatternTimesText) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  const std::string text(20000, 'a');
  EXPECT_TRUE(glob_match(pattern, text));
  EXPECT_FALSE(glob_match(pattern + "b", text));
  EXPECT_TRUE(glob_match(pattern + "b", text + "b"));
}

}  // namespace
}  // namespace hawser::protocol
