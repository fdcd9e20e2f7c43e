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
    out.counter("hawser_cache_bus_targets_left_out_total",
                "Targets of invalidations not told to other instances: they are not valid UTF-8.",
                {}, left_out.value());
    const auto gauge = [](const Gauge& value) { return static_cast<double>(value.value()); };
    constexpr const char* kInvalidations = "hawser_cache_invalidations_total";
    constexpr const char* kInvalidationsHelp = "Invalidations, by how they ended.";
    out.counter(kInvalidations, kInvalidationsHelp, {{"result", "done"}}, invalidated.value());
    out.counter(kInvalidations, kInvalidationsHelp, {{"result", "failed"}}, failed.value());
    out.counter(kInvalidations, kInvalidationsHelp, {{"result", "finished"}}, finished.value());
    out.counter(kInvalidations, kInvalidationsHelp, {{"result", "given_up"}}, given_up.value());
    out.counter("hawser_cache_keys_deleted_total", "Keys deleted by invalidations.", {},
                keys_deleted.value());
    out.gauge("hawser_cache_invalidations_in_progress", "Invalidations under way.", {},
              gauge(under_way));
    out.gauge("hawser_cache_journal_targets",
              "Targets of invalidations that wait for Redis to be back.", {}, gauge(journaled));
    constexpr const char* kLeases = "hawser_cache_leases_total";
    constexpr const char* kLeasesHelp =
        "Writes under a lease, and callers who waited for another's.";
    out.counter(kLeases, kLeasesHelp, {{"result", "stored"}}, leases_used.value());
    out.counter(kLeases, kLeasesHelp, {{"result", "stale"}}, leases_stale.value());
    out.counter(kLeases, kLeasesHelp, {{"result", "waited"}}, leases_waited.value());
    out.gauge("hawser_cache_lease_waiters", "Callers who wait for a value somebody computes.", {},
              gauge(waiting));
    constexpr const char* kRules = "hawser_cache_rule_writes_total";
    constexpr const char* kRulesHelp = "Plain writes of keys that have tags by a rule.";
    out.counter(kRules, kRulesHelp, {{"result", "tagged"}}, tagged_by_rule.value());
    out.counter(kRules, kRulesHelp, {{"result", "refused"}}, index_refused.value());
    out.counter(kRules, kRulesHelp, {{"result", "unavailable"}}, unindexed.value());
    out.counter("hawser_cache_swept_members_total",
                "Members removed from indexes because their keys were gone.", {}, swept.value());
    out.gauge("hawser_cache_eviction_unsafe",
              "Whether Redis may evict indexes before their keys (allkeys policies).", {},
              gauge(evictable));
  }
  void on_invalidation(bool is_done) { (is_done ? invalidated : failed).add(); }

  Counter performed;  ///< Done what a client's message said.
  Counter forwarded;  ///< Of clients, performed elsewhere and passed on as they were.
  Counter invalid;    ///< Of clients, not understood and passed on as they were.
  Counter published;  ///< Stamped, and taken by Redis.
  Counter repeated;   ///< Received again and not delivered again.
  Counter dropped;    ///< Stamped, and given up unsent because too many waited.
  Counter refused;    ///< Stamped, and answered by Redis with an error.
  Counter gaps;
  Counter invalidated;
  Counter failed;    ///< Invalidations Redis refused, or that could not begin.
  Counter finished;  ///< Left half done by another instance.
  Counter given_up;  ///< Accepted, but Redis went on to refuse the user, or a limit was reached.
  Counter left_out;  ///< Targets that have no form in a message.
  Counter keys_deleted;
  Gauge under_way;
  Gauge journaled;
  Counter leases_used;
  Counter leases_stale;
  Counter leases_waited;
  Gauge waiting;
  Counter tagged_by_rule;
  Counter index_refused;
  Counter unindexed;
  Counter swept;
  Gauge evictable;
};

}  // namespace hawser
