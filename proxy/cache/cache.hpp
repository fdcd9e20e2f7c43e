#pragma once

#include <memory>

#include "proxy/cache/bus/bus_handler.hpp"
#include "proxy/cache/bus/bus_listener.hpp"
#include "proxy/cache/cache_handler.hpp"
#include "proxy/cache/invalidation/index_keeper.hpp"
#include "proxy/cache/rules/rule_handler.hpp"

namespace hawser {

/// Everything hawser does for an application's cache, wired together: the commands, the rules that
/// give tags to plain writes, invalidations and the bus that tells all instances of them. Owned by
/// Server; data thread only.
class Cache {
 public:
  /// `forward` has what goes to Redis as it is, `ordinary` the writes no rule concerns.
  Cache(Upstream& upstream, Handler& forward, Handler& ordinary);

  /// Hears the messages of the bus; nullptr: there is none.
  ChannelWatch* watch() { return listener_.get(); }
  Handler& commands() { return commands_; }
  /// nullptr: there are none.
  RuleHandler* rules() { return rules_.get(); }
  /// The handler of PUBLISH; `publish` has what is no invalidation. nullptr: there is no bus.
  Handler* bus(Handler& publish);
  const StatsSource& stats() const { return stats_; }

 private:
  void note_use(const Context& context);

  CacheStats stats_;
  const CacheKeys keys_;
  CacheSupport support_;
  ScriptCaller caller_;
  Invalidator invalidator_;
  std::unique_ptr<BusListener> listener_;
  BusPublisher publisher_;
  Invalidations invalidations_;
  IndexKeeper keeper_;
  CacheHandler commands_;
  std::unique_ptr<RuleHandler> rules_;
  std::unique_ptr<BusHandler> bus_;
  Upstream& upstream_;
};

}  // namespace hawser
