#include "proxy/upstream/circuit.hpp"

#include <algorithm>

namespace hawser {

namespace {

std::string_view name_of(Breaker::State state) {
  return circuit_name(static_cast<std::int64_t>(state));
}

std::string_view name_of(Breaker::Reason reason) {
  switch (reason) {
    case Breaker::Reason::none:
      return "";
    case Breaker::Reason::failure_rate:
      return "too many requests failed";
    case Breaker::Reason::connect_failures:
      return "no connection could be opened";
    case Breaker::Reason::time_outs:
      return "no reply came in time";
    case Breaker::Reason::bad_round:
      return "the upstream is not well yet";
    case Breaker::Reason::operator_:
      return "set by the operator";
  }
  return {};
}

/// Whether Redis will take requests, by its answers to ROLE and PING. That this user may not ask,
/// or not log in, is no sign of ill health: others may. A replica without its primary is about to
/// be promoted, or stale.
bool is_well(const ControlAnswer& answer) {
  if (answer.replies.size() != 2) return false;
  const ControlReply& role = answer.replies[0];
  const ControlReply& ping = answer.replies[1];
  const auto is_denied = [](const ControlReply& reply) {
    return reply.is_error && is_login_refusal("-" + reply.text);
  };
  if (ping.is_error && !is_denied(ping)) return false;
  if (role.is_error) return is_denied(role);
  return role.items.size() < 4 || role.items[0] != "slave" || role.items[3] == "connected";
}

}  // namespace

Circuit::Circuit(UpstreamParts& parts, Control& control)
    : parts_(parts),
      control_(control),
      state_{name_of(Breaker::State::closed), {}, std::chrono::system_clock::now()},
      timer_(parts.loop, [this] { follow(); }) {
  parts_.health.watch([this] { follow(); });
}

std::int64_t Circuit::retry_in() const {
  return parts_.health.retry_in(parts_.loop.now()).count();
}

/// Does what the breaker's state asks for. Called after everything that may have changed it.
void Circuit::follow() {
  if (ended_) return;
  Breaker& breaker = parts_.health.breaker();
  const TimePoint now = parts_.loop.now();
  tell();
  if (breaker.state() == Breaker::State::open) {
    restoring_ = false;
    parts_.gate.set_level(ConnectGate::Level::nobody);
  }
  if (breaker.may_close(now) && !restoring_) {
    restore();
    return;
  }
  if (restoring_) {
    const bool all = std::all_of(restorers_.begin(), restorers_.end(),
                                 [](const Restorer* each) { return each->is_restored(); });
    const bool missing_essential = std::any_of(
        restorers_.begin(), restorers_.end(),
        [](const Restorer* each) { return each->is_essential() && !each->is_restored(); });
    if (now >= restore_until_ && missing_essential) {
      restoring_ = false;
      breaker.end_round(breaker.begin_round(now), false, now);
      follow();
      return;
    }
    if (all || now >= restore_until_) {
      restoring_ = false;
      breaker.close(now);
      parts_.health.ramp().begin();
      tell();
      parts_.gate.set_level(ConnectGate::Level::everybody);
      return;
    }
    timer_.set(restore_until_);
    return;
  }
  if (const auto next = breaker.next_round()) {
    if (*next <= now) ask();
    if (const auto following = breaker.next_round()) timer_.set(*following);
  }
}

/// One round: PING comes last, since servers that load or are busy answer ROLE all the same.
void Circuit::ask() {
  const std::uint32_t round = parts_.health.breaker().begin_round(parts_.loop.now());
  control_.ask({.user = kUpstreamUser,
                .commands = {{"ROLE"}, {"PING"}},
                .line = ControlLine::none,
                .asks_anyway = true},
               parts_.loop.now() + parts_.settings.timeout.connect,
               [this, round](const ControlAnswer& answer) { on_answer(round, answer); });
}

void Circuit::on_answer(std::uint32_t round, const ControlAnswer& answer) {
  const bool reached = answer.kind != ControlAnswer::Kind::unreachable;
  if (!reached) {
    const ConnectFailure kind = classify_connect_failure(answer.text);
    parts_.stats.connect_failures[static_cast<std::size_t>(kind)].add();
  }
  parts_.health.breaker().end_round(round, reached && is_well(answer), parts_.loop.now());
  follow();
}

/// First what belongs to clients upstream is as it was, then requests go through again. Whoever
/// takes too long for that is not waited for.
void Circuit::restore() {
  restoring_ = true;
  restore_until_ = parts_.loop.now() + parts_.settings.timeout.connect;
  parts_.gate.set_level(ConnectGate::Level::restorers);
  for (Restorer* each : restorers_) each->restore();
  follow();
}

void Circuit::on_restored() {
  if (restoring_) follow();
}

/// Announces a change of the state, once.
void Circuit::tell() {
  const Breaker& breaker = parts_.health.breaker();
  if (breaker.state() == told_) return;
  told_ = breaker.state();
  state_ = {name_of(told_), name_of(breaker.reason()), std::chrono::system_clock::now()};
  if (told_ == Breaker::State::closed && state_.reason.empty()) {
    state_.reason = "the upstream is well";
  } else if (told_ == Breaker::State::half_open) {
    state_.reason = "the upstream answers";
  }
  parts_.stats.circuit.set(static_cast<std::int64_t>(told_));
  parts_.stats.circuit_transitions[static_cast<std::size_t>(told_)].add();
  parts_.log.log(told_ == Breaker::State::open ? LogLevel::warn : LogLevel::info,
                 "circuit " + std::string(state_.state),
                 {{"upstream", parts_.stats.upstream}, {"reason", state_.reason}});
  const CircuitState told = state_;
  for (CircuitListener* each : listeners_) each->on_circuit(told);
}

void Circuit::set_mode(Breaker::Mode mode) {
  parts_.health.breaker().set_mode(mode, parts_.loop.now());
  restoring_ = false;
  if (parts_.health.allows()) {
    tell();
    parts_.gate.set_level(ConnectGate::Level::everybody);
  }
  follow();
}

void Circuit::close() {
  ended_ = true;
  timer_.cancel();
}

}  // namespace hawser
