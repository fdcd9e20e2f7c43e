#pragma once

#include "proxy/degradation/degrade_rules.hpp"
#include "proxy/degradation/journal_replay.hpp"
#include "proxy/traffic/handler.hpp"

namespace hawser {

/// In front of the handler of ordinary requests: while the circuit is not closed, answers those for
/// which the operator wants an answer without Redis. Owned by Server, which leaves it out where no
/// rule is configured.
class DegradingHandler final : public Handler {
 public:
  DegradingHandler(Upstream& upstream, Handler& forward);

  Taken handle(Client& client, Request& request) override;
  const StatsSource& stats() const { return stats_; }

 private:
  bool answer_open(Client& client, Request& request);
  bool answer_flushing(Client& client, Request& request);

  Upstream& upstream_;
  Handler& forward_;
  const DegradeRules rules_;
  DropJournal journal_;
  DegradationStats stats_;
  JournalReplay replay_;
};

}  // namespace hawser
