#pragma once

#include <functional>

#include "proxy/cache/cache_stats.hpp"
#include "proxy/cache/cache_support.hpp"
#include "proxy/cache/prune_chance.hpp"
#include "proxy/cache/rules/rule_writer.hpp"
#include "proxy/traffic/handler.hpp"
#include "proxy/traffic/write_rules.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// In front of the handler of plain writes: those of keys that have tags by a rule are sent with
/// their tags, in one step. Replies and times to live stay as they are. Owned by the Cache; routed
/// only if there are rules.
class RuleHandler final : public Handler, public WriteRules {
 public:
  struct Parts {
    Upstream& upstream;
    const CacheKeys& keys;
    CacheSupport& support;
    CacheStats& stats;
    Handler& next;  ///< Has the writes no rule concerns.
    std::function<void(const Context&)> note_use;
  };
  explicit RuleHandler(Parts parts);

  Taken handle(Client& client, Request& request) override;
  bool holds(Client& client, const Request& request) override;
  bool rewrite_queued(const Client& client, const Request& request, std::string& out) override;
  SlotHandle watch_rewritten(const Client& client, SlotHandle slot) override;

 private:
  class RightsTap;
  class Tap;

  Taken send(Client& client, Request& request);
  void note(const Context& context);
  RuleWriter::How next_write();

  Parts parts_;
  Script& script_;
  Script& pruning_script_;
  const RuleWriter writer_;
  PruneChance prune_chance_;
  std::string scratch_;
};

}  // namespace hawser
