#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::config {

/// One step through a key from left to right. Characters are bytes, as in Redis' own patterns.
struct KeyToken {
  enum class Kind : std::uint8_t {
    literal,  ///< `text`, as it stands.
    any_one,  ///< One character.
    any_run,  ///< Any number of characters, none as well. Never two of them in a row.
    part      ///< Named: one or more characters up to the next `end`, or all that is left.
  };
  Kind kind = Kind::literal;
  std::string text{};         ///< Of a literal, never empty; the name of a part.
  std::optional<char> end{};  ///< Of a part; the literal that follows begins with it. None: last.
};

/// A step of writing a tag: the text, then what the key has for the part.
struct TagPiece {
  std::string text;
  std::optional<std::size_t> part{};  ///< Counted from the left of the pattern; none: no part.
};

/// What an operator says about keys written without tags: those that fit `match` have `tags`. As
/// written and taken apart; TagRules applies it. A plain value that parse_cache_rule makes.
struct CacheRule {
  static constexpr std::size_t kMaxParts = 32;
  static constexpr std::size_t kMaxTags = 32;
  static constexpr std::size_t kMaxTagSize = 256;  ///< Bytes.

  std::string match;
  std::vector<std::string> tags;

  std::vector<KeyToken> pattern;                 ///< `match`; at most kMaxParts are parts.
  std::vector<std::vector<TagPiece>> templates;  ///< `tags`, in their order.
};

/// Why a rule was not understood, as "problem (got X, want Y)", and where.
struct CacheRuleProblem {
  std::optional<std::size_t> tag;  ///< Which of the tags is wrong; none: `match` is.
  std::string message;
};

using CacheRuleResult = boost::system::result<CacheRule, CacheRuleProblem>;

/// In `match`: `*` any run of characters, `?` one, `{name}` a named part, which a literal character
/// or the end has to follow. In tags: `{name}` for what the key has there. In both `\` takes the
/// next character as it is, and braces that are not meant so have to be written with it. Names are
/// a letter, then letters, digits and `_`. Tells the first problem.
/// REQUIRES: `tags` is not empty.
CacheRuleResult parse_cache_rule(std::string_view match, std::span<const std::string> tags);

/// How messages and LoadResult::origins name a rule: "cache.rule[0]" is the first.
std::string cache_rule_key(std::size_t index);

}  // namespace hawser::config
