#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/cache/cache_keys.hpp"
#include "proxy/cache/rules/tag_rules.hpp"
#include "proxy/traffic/request.hpp"
#include "proxy/upstream/script_book.hpp"

namespace hawser {

/// Plain writes (SET, SETEX, PSETEX, GETSET, MSET) of keys that have tags by a rule, as requests
/// that write and note the tags in one step. Pure. Owned by the RuleHandler.
class RuleWriter {
 public:
  RuleWriter(const std::vector<config::CacheRule>& rules, const CacheKeys& keys)
      : rules_(rules), keys_(keys) {}

  /// Whether any key it writes may fit a rule. Quick; REQUIRES: it is one of these commands.
  bool may_concern(const Request& request) const {
    if (request.argc() < 2) return false;
    if (request.command->name != "mset") return rules_.may_match(request.arg(1));
    for (std::size_t i = 1; i < request.argc(); i += 2) {
      if (rules_.may_match(request.arg(i))) return true;
    }
    return false;
  }

  struct How {
    Script& script;
    bool is_whole = false;    ///< Not by its digest.
    bool is_quiet = false;    ///< The reply is the write's, whatever became of the index.
    bool prunes = false;      ///< Looks for dead members as well.
    std::int64_t now_ms = 0;  ///< Since 1970.
  };
  /// Appends the request to send; false, and nothing appended, if no rule fits.
  bool append(const Request& request, const How& how, std::string& out) const;

 private:
  /// Lua cannot hand on more than some thousands of values at a time.
  static constexpr std::size_t kMostValues = 6000;

  const TagRules rules_;
  const CacheKeys& keys_;
};

/// When what a write leaves expires, in ms since 1970, as its arguments tell; `now_ms` if they do
/// not, kForEver and more if never.
std::int64_t expiry_of(const Request& request, std::int64_t now_ms);

}  // namespace hawser
