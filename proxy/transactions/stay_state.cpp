#include "proxy/transactions/stay_state.hpp"

#include "protocol/reply_framer.hpp"

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

Action action_of(const Request& request) {
  const protocol::Command* row = request.command;
  if (row == nullptr || !row->accepts(request.argc())) return Action::none;
  const std::string_view name = row->name;
  if (name == "multi") return Action::multi;
  if (name == "exec") return Action::exec;
  if (name == "discard") return Action::discard;
  if (name == "watch") return Action::watch;
  if (name == "unwatch") return Action::unwatch;
  if (name == "auth" || name == "hello" || name == "select") return Action::context;
  if (name == "client|tracking" || name == "client|trackinginfo" || name == "client|getredir") {
    return Action::tracking;
  }
  if (row->treatment == protocol::Treatment::local || name == "client|unblock" ||
      name.ends_with("subscribe")) {
    return Action::stand_in;
  }
  return Action::none;
}

void StayState::on_sent(Action action, bool is_known) {
  ++pending_;
  if (action == Action::multi) sent_multi_ = true;
  if (action == Action::exec || action == Action::discard) {
    sent_multi_ = denied_ = false;
    awaited_ = true;
  }
  if (is_decisive(action) && !sent_multi_) awaited_ = true;
  if (action == Action::context || action == Action::tracking || !is_known) is_clean_ = false;
}

std::optional<std::size_t> StayState::on_reply(Action action, std::string_view reply) {
  --pending_;
  const bool ok = reply.starts_with('+');
  if (in_multi_ && reply == kQueued) return queued_++;
  if (is_decisive(action) && action != Action::exec) awaited_ = false;
  switch (action) {
    case Action::multi:
      if (!ok) break;
      in_multi_ = true;
      queued_ = 0;
      break;
    case Action::exec:
      // Outside a transaction it leaves watched keys as they are.
      if (!protocol::error_text(reply).starts_with("ERR EXEC without MULTI")) {
        in_multi_ = is_watching_ = false;
      }
      // A server before Redis 6.2 may then still be inside it.
      if (protocol::error_word(reply) == "NOPERM") is_clean_ = false;
      break;
    case Action::discard:
      if (ok) in_multi_ = is_watching_ = false;
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

void StayState::on_failed(Action action) {
  --pending_;
  is_clean_ = false;
  if (is_decisive(action)) awaited_ = false;
  if (action == Action::exec || action == Action::discard) in_multi_ = is_watching_ = false;
}

StayState::Loss StayState::on_lost() {
  is_clean_ = false;
  // What is awaited ends the state one way or the other, and says of itself that it is lost.
  if (sent_multi_) return Loss::transaction;
  return is_watching_ && !awaited_ ? Loss::watch : Loss::nothing;
}

}  // namespace hawser
