#include "proxy/cache/cache.hpp"

namespace hawser {

Cache::Cache(Upstream& upstream, Handler& forward, Handler& ordinary)
    : keys_(upstream.settings().cache.prefix),
      support_(upstream, keys_, stats_, !upstream.settings().cache.rules.empty()),
      caller_(upstream),
      invalidator_(caller_, keys_, stats_),
      publisher_(upstream, upstream.settings().cache.channel, stats_),
      invalidations_(upstream, invalidator_, publisher_, support_, stats_),
      keeper_(caller_, keys_, invalidations_, stats_),
      commands_({.upstream = upstream,
                 .keys = keys_,
                 .support = support_,
                 .invalidations = invalidations_,
                 .caller = caller_,
                 .stats = stats_,
                 .forward = forward,
                 .note_use = [this](const Context& context) { note_use(context); }}),
      upstream_(upstream) {
  const auto& settings = upstream.settings().cache;
  if (!settings.channel.empty()) {
    listener_ = std::make_unique<BusListener>(settings.channel, stats_,
                                              [this] { commands_.waiters().wake_all(); });
  }
  if (!settings.rules.empty()) {
    rules_ = std::make_unique<RuleHandler>(
        RuleHandler::Parts{.upstream = upstream,
                           .keys = keys_,
                           .support = support_,
                           .stats = stats_,
                           .next = ordinary,
                           .note_use = [this](const Context& context) { note_use(context); }});
  }
  support_.on_available([this] { keeper_.look_everywhere(); });
}

Handler* Cache::bus(Handler& publish) {
  if (listener_ == nullptr) return nullptr;
  bus_ = std::make_unique<BusHandler>(
      BusHandler::Parts{.upstream = upstream_,
                        .support = support_,
                        .invalidations = invalidations_,
                        .stats = stats_,
                        .publish = publish,
                        .note_use = [this](const Context& context) { note_use(context); }});
  return bus_.get();
}

void Cache::note_use(const Context& context) {
  support_.note_use();
  keeper_.note_use(context);
}

}  // namespace hawser
