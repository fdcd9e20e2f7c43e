#pragma once

#include "proxy/runtime/stats.hpp"
#include "proxy/traffic/stats_source.hpp"

namespace hawser {

/// Figures of the cache's invalidations. Written by the data thread, read by any.
struct CacheStats final : StatsSource {
  void report(StatsReport& out) const override {
    constexpr const char* kName = "hawser_cache_bus_messages_total";
    constexpr const char* kHelp = "Messages of the invalidation bus, by what became of them.";
    out.counter(kName, kHelp, {{"result", "performed"}}, performed.value());
    out.counter(kName, kHelp, {{"result", "forwarded"}}, forwarded.value());
    out.counter(kName, kHelp, {{"result", "invalid"}}, invalid.value());
    out.counter(kName, kHelp, {{"result", "published"}}, published.value());
    out.counter(kName, kHelp, {{"result", "repeated"}}, repeated.value());
    out.counter(kName, kHelp, {{"result", "dropped"}}, dropped.value());
    out.counter(kName, kHelp, {{"result", "refused"}}, refused.value());
    out.counter("hawser_cache_bus_gaps_total",
                "Messages of the invalidation bus before which others are missing.", {},
                gaps.value());
  }
  Counter performed;  ///< Done what a client's message said.
  Counter forwarded;  ///< Of clients, performed elsewhere and passed on as they were.
  Counter invalid;    ///< Of clients, not understood and passed on as they were.
  Counter published;  ///< Stamped, and taken by Redis.
  Counter repeated;   ///< Received again and not delivered again.
  Counter dropped;    ///< Stamped, and given up unsent because too many waited.
  Counter refused;    ///< Stamped, and answered by Redis with an error.
  Counter gaps;
};

}  // namespace hawser
