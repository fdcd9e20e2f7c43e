#include "proxy/cache/rules/tag_rules.hpp"

#include <algorithm>
#include <array>

namespace hawser {

namespace {

using config::CacheRule;
using config::KeyToken;
using config::TagPiece;
using Kind = config::KeyToken::Kind;

/// What the named parts of a pattern are in a key.
using Parts = std::array<std::string_view, CacheRule::kMaxParts>;

/// The literal a key has to begin with.
std::string_view prefix_of(const CacheRule& rule) {
  const KeyToken& first = rule.pattern.front();
  return first.kind == Kind::literal ? std::string_view(first.text) : std::string_view();
}

std::size_t shortest_key(const CacheRule& rule) {
  std::size_t size = 0;
  for (const KeyToken& token : rule.pattern) {
    if (token.kind == Kind::literal) size += token.text.size();
    if (token.kind == Kind::any_one || token.kind == Kind::part) ++size;
  }
  return size;
}

/// One key against one pattern. Lives for one call of fits().
///
/// As for a glob only the last `*` is ever tried again, further on: from a later place in the key
/// no token leads to an earlier place than from an earlier one, so what stands between two `*` may
/// be put at the first place where it fits. Ends of parts are remembered while trying, so that the
/// key is searched for each of them only once.
class Match {
 public:
  Match(const std::vector<KeyToken>& pattern, std::string_view key)
      : pattern_(pattern), key_(key) {}

  bool run();
  const Parts& parts() const { return parts_; }

 private:
  enum class Step : std::uint8_t {
    on,    ///< The token fits.
    back,  ///< It does not fit here.
    never  ///< It does not fit anywhere behind this place either.
  };

  Step take(const KeyToken& token);
  Step take_part(const KeyToken& token);

  const std::vector<KeyToken>& pattern_;
  const std::string_view key_;
  std::size_t at_ = 0;    ///< In the key.
  std::size_t part_ = 0;  ///< Parts to the left of the token.
  Parts parts_{};
  /// The place of each part's end that was found last, plus one.
  std::array<std::size_t, CacheRule::kMaxParts> ends_{};
};

bool Match::run() {
  bool had_run = false;
  std::size_t behind_run = 0;  ///< The token.
  std::size_t part_there = 0;
  std::size_t tried = 0;  ///< Where in the key that token was put.
  for (std::size_t token = 0; token < pattern_.size() || at_ < key_.size();) {
    Step step = Step::back;
    if (token < pattern_.size()) {
      if (pattern_[token].kind == Kind::any_run) {
        if (++token == pattern_.size()) return true;
        had_run = true;
        behind_run = token;
        part_there = part_;
        tried = at_;
        continue;
      }
      step = take(pattern_[token]);
    }
    if (step == Step::on) {
      ++token;
    } else if (step == Step::back && had_run && tried < key_.size()) {
      token = behind_run;
      part_ = part_there;
      at_ = ++tried;
    } else {
      return false;
    }
  }
  return true;
}

Match::Step Match::take(const KeyToken& token) {
  if (token.kind == Kind::part) return take_part(token);
  if (token.kind == Kind::any_one) {
    if (at_ == key_.size()) return Step::never;
    ++at_;
    return Step::on;
  }
  const std::string_view rest = key_.substr(at_);
  if (rest.size() < token.text.size()) return Step::never;
  if (!rest.starts_with(token.text)) return Step::back;
  at_ += token.text.size();
  return Step::on;
}

Match::Step Match::take_part(const KeyToken& token) {
  std::size_t end = key_.size();
  if (token.end) {
    std::size_t& found = ends_[part_];
    if (found <= at_) {
      const auto place = key_.find(*token.end, at_);
      if (place == std::string_view::npos) return Step::never;
      found = place + 1;
    }
    end = found - 1;
  }
  if (end == at_) return token.end ? Step::back : Step::never;
  parts_[part_++] = key_.substr(at_, end - at_);
  at_ = end;
  return Step::on;
}

/// Nothing if the tag would be too long.
std::string write_tag(const std::vector<TagPiece>& pieces, const Parts& parts) {
  const auto value = [&parts](const TagPiece& piece) {
    return piece.part ? parts[*piece.part] : std::string_view();
  };
  std::size_t size = 0;
  for (const TagPiece& piece : pieces) size += piece.text.size() + value(piece).size();
  std::string tag;
  if (size > CacheRule::kMaxTagSize) return tag;
  tag.reserve(size);
  for (const TagPiece& piece : pieces) tag.append(piece.text).append(value(piece));
  return tag;
}

}  // namespace

TagRules::TagRules(const std::vector<CacheRule>& rules) : rules_(rules) {
  for (const CacheRule& rule : rules_) {
    const std::string_view start = prefix_of(rule).substr(0, sizeof(std::uint64_t));
    const std::string covered(start.size(), '\xff');
    heads_.push_back({head_of(start), head_of(covered)});
    shortest_.push_back(shortest_key(rule));
  }
}

bool TagRules::begins_well(std::size_t index, std::string_view key) const {
  return key.size() >= shortest_[index] && key.starts_with(prefix_of(rules_[index]));
}

void TagRules::append_tags(std::string_view key, std::vector<std::string>& tags) const {
  for (std::size_t i = 0; i < rules_.size() && tags.size() < CacheRule::kMaxTags; ++i) {
    if (!begins_well(i, key)) continue;
    Match match(rules_[i].pattern, key);
    if (!match.run()) continue;
    for (const auto& pieces : rules_[i].templates) {
      if (tags.size() == CacheRule::kMaxTags) return;
      std::string tag = write_tag(pieces, match.parts());
      if (tag.empty() || std::ranges::find(tags, tag) != tags.end()) continue;
      tags.push_back(std::move(tag));
    }
  }
}

}  // namespace hawser
