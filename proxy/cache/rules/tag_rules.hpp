#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "config/cache_rule.hpp"

namespace hawser {

/// Which tags a key has by the rules of the configuration ([[cache.rule]]).
///
/// Every key that is written is asked about, and few fit a rule: may_match looks at how the key
/// begins and leaves the rest to append_tags. Where a pattern leaves a choice, each `*` takes as
/// little as it can, from left to right.
///
/// Pure and unchanging; owned by whoever tags writes. Any thread may ask.
class TagRules {
 public:
  explicit TagRules(const std::vector<config::CacheRule>& rules);

  bool empty() const { return rules_.empty(); }

  /// False: no rule fits the key. True: one may.
  bool may_match(std::string_view key) const {
    if (heads_.empty()) return false;
    const std::uint64_t head = head_of(key);
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      if (((head ^ heads_[i].bytes) & heads_[i].mask) == 0 && begins_well(i, key)) return true;
    }
    return false;
  }

  /// Adds the tags of all rules that fit `key`, in the order of the rules: each once, those that
  /// are in `tags` already not again, and only as long as there are fewer than 32. What would be
  /// longer than 256 bytes is left out. Takes time in proportion to the key times the patterns.
  void append_tags(std::string_view key, std::vector<std::string>& tags) const;

 private:
  /// The first eight bytes of the keys that fit a rule; `mask` covers those that are known.
  struct Head {
    std::uint64_t bytes = 0;
    std::uint64_t mask = 0;
  };

  /// A shorter key is taken as if zeros followed; begins_well sees to its size.
  static std::uint64_t head_of(std::string_view key) {
    std::uint64_t head = 0;
    if (key.size() >= sizeof head) {
      std::memcpy(&head, key.data(), sizeof head);
    } else if (!key.empty()) {
      std::memcpy(&head, key.data(), key.size());
    }
    return head;
  }

  bool begins_well(std::size_t index, std::string_view key) const;

  std::vector<config::CacheRule> rules_;
  std::vector<Head> heads_;            ///< One for each rule.
  std::vector<std::size_t> shortest_;  ///< Bytes of the shortest key that fits each rule.
};

}  // namespace hawser
