#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/degradation/degradation_stats.hpp"
#include "proxy/degradation/drop_journal.hpp"
#include "proxy/runtime/timer.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Deletes upstream what dropped writes left out of date: the keys of the journal before the
/// circuit is closed, patterns that had no room in it afterwards, in the background. With the
/// rights of the users who wrote, on control connections, one question at a time. Owned by the
/// DegradingHandler.
class JournalReplay final : public Restorer, public CircuitListener {
 public:
  JournalReplay(Upstream& upstream, DropJournal& journal, DegradationStats& stats);

  void restore() override;
  bool is_restored() const override { return journal_.empty(); }
  bool is_essential() const override { return true; }
  void on_circuit(const CircuitState& state) override;

  /// A write was dropped.
  void on_dropped();

 private:
  void count();
  void go_on();
  void prove_place(UserId user, std::uint32_t database);
  void give_up_place(UserId user, std::uint32_t database);
  void delete_batch();
  void on_deleted(const DropJournal::Batch& batch, const ControlAnswer& answer);
  void flush();
  void prove_flush(const DropJournal::Flush& flush);
  void on_scanned(const ControlAnswer& answer);
  void warn(std::string_view error);

  Upstream& upstream_;
  DropJournal& journal_;
  DegradationStats& stats_;
  bool is_asking_ = false;
  bool is_replaying_ = false;  ///< Between restore() and the next change of the circuit.
  /// Whose connection has been given that database: a command behind a SELECT that is refused would
  /// act on another one.
  std::optional<std::pair<UserId, std::uint32_t>> proven_;
  std::size_t most_ = kBatch;  ///< Keys in the next batch: one by one after a refusal.

  static constexpr std::size_t kBatch = 500;

  /// A flush under way: SCAN from `cursor`, with what the last step found still to be deleted.
  struct Scan {
    DropJournal::Flush flush;
    std::string cursor = "0";
    std::vector<std::string> found;
    bool is_through = false;  ///< SCAN has come to its end; what it found last is left.
  };
  std::optional<Scan> scan_;
  Timer again_;
  RateLimit log_limit_;
};

}  // namespace hawser
