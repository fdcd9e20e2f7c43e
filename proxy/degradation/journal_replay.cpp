#include "proxy/degradation/journal_replay.hpp"

#include <utility>

namespace hawser {

namespace {

/// Before a flush that broke off begins anew.
constexpr Duration kPause = std::chrono::seconds(1);

}  // namespace

JournalReplay::JournalReplay(Upstream& upstream, DropJournal& journal, DegradationStats& stats)
    : upstream_(upstream),
      journal_(journal),
      stats_(stats),
      again_(upstream.loop(), [this] { go_on(); }) {
  upstream.circuit().add_restorer(*this);
  upstream.circuit().add_listener(*this);
}

void JournalReplay::count() {
  stats_.journal_keys.set(static_cast<std::int64_t>(journal_.size()));
  stats_.flushes.set(static_cast<std::int64_t>(journal_.flushes().size()));
}

void JournalReplay::restore() {
  is_replaying_ = true;
  proven_.reset();
  go_on();
}

void JournalReplay::on_dropped() {
  count();
  if (is_replaying_) go_on();
}

void JournalReplay::on_circuit(const CircuitState& state) {
  is_replaying_ = false;
  proven_.reset();
  if (state.is_closed()) go_on();
}

void JournalReplay::go_on() {
  count();
  if (is_asking_) return;
  if (!journal_.empty()) {
    delete_batch();
  } else if (upstream_.circuit().allows() && !journal_.flushes().empty()) {
    flush();
  }
}

void JournalReplay::delete_batch() {
  auto batch = journal_.take_batch(most_);
  if (!batch) return;
  if (batch->database != 0 && proven_ != std::pair(batch->user, batch->database)) {
    journal_.give_back(*batch);
    prove_place(batch->user, batch->database);
    return;
  }
  std::vector<std::string> command = {"DEL"};
  command.insert(command.end(), batch->keys.begin(), batch->keys.end());
  is_asking_ = true;
  upstream_.control().ask(
      {.user = batch->user,
       .commands = {{"SELECT", std::to_string(batch->database)}, std::move(command)},
       .line = ControlLine::none},
      upstream_.loop().now() + upstream_.settings().timeout.command,
      [this, taken = std::move(*batch)](const ControlAnswer& answer) {
        on_deleted(taken, answer);
      });
}

void JournalReplay::prove_place(UserId user, std::uint32_t database) {
  is_asking_ = true;
  upstream_.control().ask(
      {.user = user, .commands = {{"SELECT", std::to_string(database)}}, .line = ControlLine::none},
      upstream_.loop().now() + upstream_.settings().timeout.command,
      [this, user, database](const ControlAnswer& answer) {
        is_asking_ = false;
        if (answer.kind == ControlAnswer::Kind::unreachable) return;
        if (answer.kind == ControlAnswer::Kind::reply) {
          proven_ = std::pair(user, database);
        } else {
          warn(answer.text);
          give_up_place(user, database);
        }
        go_on();
        if (journal_.empty()) upstream_.circuit().on_restored();
      });
}

/// Nothing can be deleted there.
void JournalReplay::give_up_place(UserId user, std::uint32_t database) {
  while (auto batch = journal_.take_batch(kBatch)) {
    if (batch->user != user || batch->database != database) {
      journal_.give_back(*batch);
      return;
    }
    journal_.confirm(*batch);
  }
}

void JournalReplay::on_deleted(const DropJournal::Batch& batch, const ControlAnswer& answer) {
  is_asking_ = false;
  if (answer.kind == ControlAnswer::Kind::unreachable) {
    journal_.give_back(batch);
    count();
    return;  // The next good round begins anew.
  }
  const bool is_refused = answer.kind == ControlAnswer::Kind::error;
  const bool is_locked_out = answer.text.starts_with("WRONGPASS") ||
                             answer.text.starts_with("NOAUTH") ||
                             answer.text.find("permissions to run the") != std::string::npos;
  if (is_refused && is_locked_out) {
    warn(answer.text);
    journal_.confirm(batch);
    give_up_place(batch.user, batch.database);
  } else if (is_refused && batch.keys.size() > 1) {
    // Redis deletes none if one is refused: by halves, until it is found.
    journal_.give_back(batch);
    most_ = batch.keys.size() / 2;
  } else {
    if (is_refused) warn(answer.text);
    journal_.confirm(batch);
    most_ = kBatch;
  }
  go_on();
  if (journal_.empty()) upstream_.circuit().on_restored();
}

/// One step: deletes what the last one found, and looks for more.
void JournalReplay::flush() {
  if (!scan_ && journal_.flushes().front().database != 0) {
    const DropJournal::Flush& next = journal_.flushes().front();
    if (proven_ != std::pair(next.user, next.database)) {
      prove_flush(next);
      return;
    }
  }
  if (!scan_) scan_ = Scan{.flush = journal_.flushes().front(), .found = {}};
  ControlQuestion question{.user = scan_->flush.user,
                           .commands = {{"SELECT", std::to_string(scan_->flush.database)}}};
  if (!scan_->found.empty()) {
    std::vector<std::string> command = {"DEL"};
    command.insert(command.end(), scan_->found.begin(), scan_->found.end());
    question.commands.push_back(std::move(command));
  }
  if (!scan_->is_through) {
    question.commands.push_back(
        {"SCAN", scan_->cursor, "MATCH", scan_->flush.pattern, "COUNT", std::to_string(kBatch)});
  }
  is_asking_ = true;
  upstream_.control().ask(question, upstream_.loop().now() + upstream_.settings().timeout.command,
                          [this](const ControlAnswer& answer) { on_scanned(answer); });
}

void JournalReplay::prove_flush(const DropJournal::Flush& flush) {
  is_asking_ = true;
  upstream_.control().ask(
      {.user = flush.user, .commands = {{"SELECT", std::to_string(flush.database)}}},
      upstream_.loop().now() + upstream_.settings().timeout.command,
      [this, flush](const ControlAnswer& answer) {
        is_asking_ = false;
        if (answer.kind == ControlAnswer::Kind::unreachable) {
          again_.set(upstream_.loop().now() + kPause);
          return;
        }
        if (answer.kind == ControlAnswer::Kind::reply) {
          proven_ = std::pair(flush.user, flush.database);
        } else {
          warn(answer.text);
          (void)journal_.flush_done(flush);
        }
        go_on();
      });
}

void JournalReplay::on_scanned(const ControlAnswer& answer) {
  is_asking_ = false;
  if (answer.kind == ControlAnswer::Kind::unreachable) {
    scan_.reset();
    again_.set(upstream_.loop().now() + kPause);
    return;
  }
  const ControlReply* refusal = nullptr;
  for (const ControlReply& reply : answer.replies) {
    if (reply.is_error) refusal = &reply;
  }
  if (refusal != nullptr) {
    warn(refusal->text);
  } else if (!scan_->is_through && !answer.replies.back().items.empty()) {
    const auto& items = answer.replies.back().items;
    scan_->cursor = items[0];
    scan_->found.assign(items.begin() + 1, items.end());
    scan_->is_through = scan_->cursor == "0";
  } else {
    scan_->found.clear();
  }
  if (refusal != nullptr || (scan_->is_through && scan_->found.empty())) {
    // False if a write was dropped under the pattern meanwhile: then it is flushed again.
    (void)journal_.flush_done(scan_->flush);
    scan_.reset();
  }
  go_on();
}

void JournalReplay::warn(std::string_view error) {
  std::uint64_t suppressed = 0;
  if (!log_limit_.allow(upstream_.loop().now(), suppressed)) return;
  upstream_.log().warn("keys of dropped writes could not be deleted: they may be out of date",
                       {{"reason", error}, {"suppressed", suppressed}});
}

}  // namespace hawser
