#include "proxy/transactions/stay_state.hpp"

#include <utility>

#include "proxy/transactions/exec_reply.hpp"

namespace hawser {

namespace {

constexpr std::string_view kQueued = "+QUEUED\r\n";

/// Whether what it does to the state is known only from its reply, so that requests wait for that.
bool is_decisive(Action action) {
  switch (action) {
    case Action::exec:
    case Action::discard:
    case Action::unwatch:
    case Action::context:
    case Action::tracking:
      return true;
    case Action::none:
    case Action::multi:
    case Action::watch:
    case Action::stand_in:
      break;
  }
  return false;
}

}  // namespace

bool is_never_queued(const Request& request) {
  const protocol::Command* row = request.command;
  return row != nullptr && row->since == protocol::kOwn && row->is(protocol::flag::no_multi);
}

Action action_of(const Request& request) {
  const protocol::Command* row = request.command;
  if (row == nullptr) return Action::none;
  // A wrong number of arguments is hawser's to refuse: Redis does not know these.
  if (is_never_queued(request)) return Action::stand_in;
  const std::string_view name = row->name;
  if (name == "exec") return Action::exec;  // It ends the transaction whatever its arguments are.
  if (!row->accepts(request.argc())) return Action::none;
  if (name == "multi") return Action::multi;
  if (name == "discard") return Action::discard;
  if (name == "watch") return Action::watch;
  if (name == "unwatch") return Action::unwatch;
  if (name == "auth" || name == "hello" || name == "select") return Action::context;
  if (name == "client|tracking" || name == "client|trackinginfo" || name == "client|getredir") {
    return Action::tracking;
  }
  // A subcommand nobody knows: Redis has the words for it, also inside a transaction.
  if (protocol::has_subcommands(*row) && request.argc() > 1) return Action::none;
  const bool is_of_clients =
      row->treatment == protocol::Treatment::intercepted && name.starts_with("client|");
  if (row->treatment == protocol::Treatment::local || is_of_clients ||
      name.ends_with("subscribe")) {
    return Action::stand_in;
  }
  return Action::none;
}

void StayState::on_sent(Action action, bool is_known) {
  ++pending_;
  if (action == Action::multi) sent_multi_ = true;
  if (action == Action::exec || action == Action::discard) {
    ending_ = sent_multi_;
    sent_multi_ = denied_ = false;
  }
  if (is_decisive(action) && !sent_multi_) awaited_ = action;
  if (action == Action::unwatch && !sent_multi_) ending_ = true;
  if (action == Action::context || action == Action::tracking || !is_known) is_clean_ = false;
}

void StayState::on_not_sent(Action action, TimePoint now) {
  --pending_;
  awaited_ = Action::none;
  ending_ = false;
  if (action == Action::watch) lose_watch(now);
  if (action == Action::multi) {
    sent_multi_ = false;
    on_multi_refused(now);
  }
}

std::optional<std::size_t> StayState::on_reply(Action action, std::string_view reply) {
  --pending_;
  const bool ok = reply.starts_with('+');
  if (in_multi_ && reply == kQueued) return queued_++;
  if (action == awaited_) {
    ending_ = false;
    if (action != Action::exec) awaited_ = Action::none;
  }
  switch (action) {
    case Action::multi:
      if (ok) {
        in_multi_ = true;
        queued_ = 0;
      } else if (!in_multi_) {
        sent_multi_ = denied_ = ending_ = false;
      }
      break;
    case Action::exec:
      // Outside a transaction it leaves watched keys as they are.
      if (!protocol::error_text(reply).starts_with("ERR EXEC without MULTI")) {
        in_multi_ = is_watching_ = false;
      }
      if (!is_over_after(reply)) is_clean_ = false;
      break;
    case Action::discard:
      if (ok) in_multi_ = is_watching_ = false;
      sent_multi_ = in_multi_;  // The user may not DISCARD.
      break;
    case Action::watch:
      if (ok) is_watching_ = true;
      break;
    case Action::unwatch:
      if (ok) is_watching_ = false;
      break;
    case Action::none:
    case Action::tracking:
    case Action::context:
    case Action::stand_in:
      break;
  }
  return std::nullopt;
}

void StayState::on_failed(Action action, TimePoint now) {
  --pending_;
  is_clean_ = false;
  // If the end of the watch is on its way behind it, that says of itself that it is lost.
  if (action == Action::watch && !ending_) lose_watch(now);
  if (action != awaited_) return;
  awaited_ = Action::none;
  if (std::exchange(ending_, false)) in_multi_ = is_watching_ = false;
}

void StayState::on_lost(TimePoint now) {
  is_clean_ = false;
  if (is_watching_ && !ending_) lose_watch(std::nullopt);
  if (sent_multi_) {
    is_refusing_ = true;
    multi_told_at_ = in_multi_ ? std::nullopt : std::optional(now);
  }
  sent_multi_ = in_multi_ = is_watching_ = denied_ = false;
}

void StayState::lose_watch(std::optional<TimePoint> told_at) {
  // Of one that was lost before it is not made known by the error of another.
  if (!is_watch_lost_ || watch_told_at_) watch_told_at_ = told_at;
  is_watch_lost_ = true;
}

void StayState::on_multi_refused(TimePoint now) {
  is_refusing_ = true;
  multi_told_at_ = now;
}

bool StayState::forget_told(Action action, TimePoint arrived, bool is_alone, Duration patience) {
  const auto knows = [&](const std::optional<TimePoint>& told_at) {
    return told_at && is_alone && arrived > *told_at + patience;
  };
  const bool tries_again = action == Action::multi && multi_told_at_ && arrived > *multi_told_at_;
  const bool multi = is_refusing_ && (tries_again || knows(multi_told_at_));
  const bool watch = is_watch_lost_ && knows(watch_told_at_);
  if (multi) is_refusing_ = false;
  if (watch) is_watch_lost_ = false;
  return multi || watch;
}

}  // namespace hawser
