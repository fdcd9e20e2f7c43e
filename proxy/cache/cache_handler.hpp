#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proxy/cache/cache_command.hpp"
#include "proxy/cache/cache_support.hpp"
#include "proxy/cache/invalidation/invalidations.hpp"
#include "proxy/cache/leases/lease_waiters.hpp"
#include "proxy/cache/owed_calls.hpp"
#include "proxy/cache/prune_chance.hpp"
#include "proxy/traffic/handler.hpp"

namespace hawser {

/// CACHE.SET, GET, TAG, UNTAG and INVALIDATE. The first four are one script each, sent in the
/// client's order as any request. Owned by the Cache.
class CacheHandler final : public Handler {
 public:
  struct Parts {
    Upstream& upstream;
    const CacheKeys& keys;
    CacheSupport& support;
    Invalidations& invalidations;
    ScriptCaller& caller;
    CacheStats& stats;
    Handler& forward;  ///< Has large requests.
    std::function<void(const Context&)> note_use;
  };
  explicit CacheHandler(Parts parts);

  Taken handle(Client& client, Request& request) override;
  LeaseWaiters& waiters() { return waiters_; }

 private:
  class Tap;
  class LeaseTap;
  struct Scripts {
    Script& set;
    Script& set_leased;
    Script& set_leased_pruning;
    Script& set_leased_apart;
    Script& get;
    Script& tag;
    Script& untag;
  };
  /// What is sent for a request, and what is done with its reply.
  struct Outgoing {
    std::string bytes;
    Script* script = nullptr;
    std::uint64_t server = 0;  ///< Only for this run of the server.
    std::string_view written;  ///< The key that is written; empty: none.
    bool is_leased = false;
    bool is_apart = false;  ///< Too large for the shared connection.
  };

  /// What CACHE.SET is to note besides the value.
  struct Write {
    const CacheSet& command;
    std::vector<std::string> indexes;
    std::string life{};   ///< In ms; empty: for ever.
    std::string score{};  ///< In the indexes.
    std::string prune{};  ///< The time up to which dead members are looked for; empty: not now.
  };

  Taken set(Client& client, Request& request, const CacheSet& command);
  Taken set_tagged(Client& client, Request& request, const Write& write);
  Taken set_leased(Client& client, Request& request, const Write& write);
  Taken get(Client& client, Request& request, const CacheGet& command);
  Taken tag(Client& client, Request& request, const CacheTag& command);
  Taken invalidate(Client& client, const Request& request, const CacheInvalidate& command);

  bool goes_apart(const Request& request) const;
  Taken send(Client& client, Request& request, const Outgoing& outgoing);
  Taken send_apart(Client& client, const Request& request, Request& own, const Outgoing& outgoing);
  static Taken answer(Client& client, const Request& request, std::string_view reply);
  Outgoing get_request(const LeaseWaiters::Question& question, std::string_view nonce);
  void ask(const LeaseWaiters::Question& question, LeaseWaiters::Answer done,
           LeaseWaiters::Failed failed);

  Parts parts_;
  Upstream& upstream_;
  Scripts scripts_;
  LeaseWaiters waiters_;
  const std::shared_ptr<OwedCalls> owed_;
  PruneChance prune_chance_;
};

}  // namespace hawser
