#include "config/cache_rule.hpp"

#include <algorithm>

namespace hawser::config {
namespace {

using Kind = KeyToken::Kind;
using Problem = std::optional<std::string>;

constexpr std::string_view kWantName = "{name}, a letter, then letters, digits or _";

std::string problem(std::string_view what, std::string_view got, std::string_view want) {
  return std::string(what) + " (got " + (got.empty() ? "nothing" : std::string(got)) + ", want " +
         std::string(want) + ")";
}

constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_name(std::string_view text) {
  return !text.empty() && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

/// One step of a text in which `\` and braces mean something.
struct Symbol {
  enum class Kind : std::uint8_t { literal, special, part } kind = Kind::literal;
  char character = 0;       ///< Of the first two.
  std::string_view name{};  ///< Of a part.
};

/// Hands out the symbols of a pattern or a template. Lives for one parse.
class Scanner {
 public:
  /// `special`: characters that are no literals unless `\` stands before them.
  Scanner(std::string_view text, std::string_view special) : rest_(text), special_(special) {}

  bool at_end() const { return rest_.empty(); }
  /// REQUIRES: !at_end().
  Problem next(Symbol& symbol);

 private:
  std::string_view rest_;
  std::string_view special_;
};

Problem Scanner::next(Symbol& symbol) {
  const char c = rest_.front();
  if (c == '{') {
    const auto close = rest_.find('}');
    const auto written = rest_.substr(0, close == std::string_view::npos ? close : close + 1);
    const auto name = written.substr(1, close == std::string_view::npos ? close : close - 1);
    if (close == std::string_view::npos) {
      return problem("{ without }", written, std::string(kWantName) + ", or \\{");
    }
    if (!is_name(name)) return problem("bad name", written, std::string(kWantName) + ", or \\{");
    symbol = {Symbol::Kind::part, 0, name};
    rest_.remove_prefix(written.size());
    return std::nullopt;
  }
  if (c == '}') return problem("} without {", rest_, "{name}, or \\}");
  if (c == '\\' && rest_.size() == 1) {
    return problem("\\ with nothing behind it", rest_, "a character behind it, or \\\\");
  }
  if (c == '\\') {
    symbol = {Symbol::Kind::literal, rest_[1]};
    rest_.remove_prefix(2);
    return std::nullopt;
  }
  const bool special = special_.find(c) != std::string_view::npos;
  symbol = {special ? Symbol::Kind::special : Symbol::Kind::literal, c};
  rest_.remove_prefix(1);
  return std::nullopt;
}

bool is_part(const KeyToken& token) {
  return token.kind == Kind::part;
}

/// Appends what `symbol` means to the tokens before it.
Problem append(const Symbol& symbol, std::vector<KeyToken>& tokens) {
  const bool behind_part = !tokens.empty() && is_part(tokens.back());
  if (behind_part && symbol.kind != Symbol::Kind::literal) {
    const std::string got = symbol.kind == Symbol::Kind::part ? "{" + std::string(symbol.name) + "}"
                                                              : std::string(1, symbol.character);
    return problem("{" + tokens.back().text + "} has no end", got + " behind it",
                   "a literal character or the end of the pattern");
  }
  switch (symbol.kind) {
    case Symbol::Kind::literal:
      if (behind_part) tokens.back().end = symbol.character;
      if (tokens.empty() || tokens.back().kind != Kind::literal) tokens.push_back({Kind::literal});
      tokens.back().text += symbol.character;
      return std::nullopt;
    case Symbol::Kind::special:
      if (symbol.character == '?') {
        tokens.push_back({Kind::any_one});
      } else if (tokens.empty() || tokens.back().kind != Kind::any_run) {
        tokens.push_back({Kind::any_run});
      }
      return std::nullopt;
    case Symbol::Kind::part:
      break;
  }
  std::size_t parts = 0;
  for (const KeyToken& token : tokens) {
    if (!is_part(token)) continue;
    ++parts;
    if (token.text == symbol.name) {
      return problem("the same name twice", "{" + token.text + "}", "another name for one of them");
    }
  }
  if (parts == CacheRule::kMaxParts) {
    return problem("too many named parts", std::to_string(parts + 1),
                   "at most " + std::to_string(CacheRule::kMaxParts));
  }
  tokens.push_back({Kind::part, std::string(symbol.name)});
  return std::nullopt;
}

Problem parse_pattern(std::string_view text, std::vector<KeyToken>& tokens) {
  if (text.empty()) return problem("empty pattern", "", "a pattern like \"list:{company}:*\"");
  Scanner scanner(text, "*?");
  while (!scanner.at_end()) {
    Symbol symbol;
    if (auto wrong = scanner.next(symbol)) return wrong;
    if (auto wrong = append(symbol, tokens)) return wrong;
  }
  return std::nullopt;
}

/// "{a} or {b}", for a message.
std::string names_of(const std::vector<KeyToken>& pattern) {
  std::string names;
  for (const KeyToken& token : pattern) {
    if (!is_part(token)) continue;
    names += (names.empty() ? "{" : " or {") + token.text + "}";
  }
  return names.empty() ? "a text without parts, since match has none" : names;
}

/// The place of the name among the parts of the pattern.
std::optional<std::size_t> find_part(const std::vector<KeyToken>& pattern, std::string_view name) {
  std::size_t index = 0;
  for (const KeyToken& token : pattern) {
    if (!is_part(token)) continue;
    if (token.text == name) return index;
    ++index;
  }
  return std::nullopt;
}

Problem parse_template(std::string_view text, const std::vector<KeyToken>& pattern,
                       std::vector<TagPiece>& pieces) {
  if (text.empty()) return problem("empty tag", "", "a tag like \"company:{company}:orders\"");
  Scanner scanner(text, "");
  std::size_t shortest = 0;
  pieces.emplace_back();
  for (; !scanner.at_end(); ++shortest) {
    Symbol symbol;
    if (auto wrong = scanner.next(symbol)) return wrong;
    if (pieces.back().part) pieces.emplace_back();
    if (symbol.kind != Symbol::Kind::part) {
      pieces.back().text += symbol.character;
      continue;
    }
    pieces.back().part = find_part(pattern, symbol.name);
    if (!pieces.back().part) {
      return problem("a part that match does not have", "{" + std::string(symbol.name) + "}",
                     names_of(pattern));
    }
  }
  if (shortest > CacheRule::kMaxTagSize) {
    return problem("tag too long", std::to_string(shortest) + " bytes",
                   "at most " + std::to_string(CacheRule::kMaxTagSize));
  }
  return std::nullopt;
}

}  // namespace

CacheRuleResult parse_cache_rule(std::string_view match, std::span<const std::string> tags) {
  CacheRule rule;
  rule.match = match;
  rule.tags.assign(tags.begin(), tags.end());
  if (auto wrong = parse_pattern(match, rule.pattern)) {
    return CacheRuleProblem{std::nullopt, std::move(*wrong)};
  }
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (i == CacheRule::kMaxTags) {
      return CacheRuleProblem{i, problem("too many tags", std::to_string(tags.size()),
                                         "at most " + std::to_string(CacheRule::kMaxTags))};
    }
    auto wrong = parse_template(tags[i], rule.pattern, rule.templates.emplace_back());
    if (wrong) return CacheRuleProblem{i, std::move(*wrong)};
  }
  return rule;
}

std::string cache_rule_key(std::size_t index) {
  return "cache.rule[" + std::to_string(index) + "]";
}

}  // namespace hawser::config
