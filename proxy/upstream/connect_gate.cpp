#include "proxy/upstream/connect_gate.hpp"

#include <utility>

namespace hawser {

namespace {

/// A connection that lasted so long proves that the upstream takes connections.
constexpr Duration kLasted = std::chrono::seconds(1);

}  // namespace

ConnectGate::ConnectGate(Loop& loop, Health& health, const config::Settings& settings)
    : loop_(loop),
      health_(health),
      backoff_(settings.reconnect.backoff_min, settings.reconnect.backoff_max,
               static_cast<std::uint32_t>(Clock::now().time_since_epoch().count())),
      timer_(loop, [this] { serve(); }) {}

void ConnectGate::set_level(Level level) {
  if (level != Level::nobody && level_ != level) {
    // Redis has just answered: nobody has to wait.
    unreachable_ = false;
    next_at_ = {};
  }
  level_ = level;
  serve();
}

bool ConnectGate::may_go(const Seeker& seeker) const {
  switch (level_) {
    case Level::everybody:
      return true;
    case Level::restorers:
      return seeker.is_restorer_;
    case Level::nobody:
      return false;
  }
  return false;
}

void ConnectGate::serve() {
  // Whoever goes may come back here at once, and others with it: each pass begins anew.
  if (std::exchange(serving_, true)) return;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (loop_.now() < next_at_ || (unreachable_ && attempting_ > 0)) break;
    Seeker* seeker = *it;
    if (!may_go(*seeker)) {
      ++it;
      continue;
    }
    waiting_.erase(it);
    seeker->waiting_ = false;
    seeker->attempting_ = true;
    ++attempting_;
    seeker->go_();
    it = waiting_.begin();
  }
  serving_ = false;
  if (!waiting_.empty() && level_ != Level::nobody && loop_.now() < next_at_) timer_.set(next_at_);
}

void ConnectGate::Seeker::want() {
  if (waiting_ || attempting_) return;
  waiting_ = true;
  gate_.waiting_.push_back(this);
  gate_.serve();
}

void ConnectGate::Seeker::cancel() {
  if (waiting_) gate_.waiting_.remove(this);
  waiting_ = false;
  if (attempting_) gave_up();
}

/// Ever longer, also for a server that accepts connections only to close them.
void ConnectGate::pause() {
  const TimePoint now = loop_.now();
  if (!unreachable_ && now - opened_at_ >= kLasted) backoff_.reset();
  next_at_ = now + backoff_.next();
}

void ConnectGate::end_attempt(Seeker& seeker) {
  seeker.attempting_ = false;
  --attempting_;
}

void ConnectGate::Seeker::succeeded() {
  gate_.end_attempt(*this);
  if (gate_.unreachable_) gate_.next_at_ = {};  // Else a pause after a loss goes on.
  gate_.unreachable_ = false;
  gate_.opened_at_ = gate_.loop_.now();
  gate_.health_.on_connected();
  gate_.serve();
}

void ConnectGate::Seeker::failed() {
  gate_.end_attempt(*this);
  gate_.pause();
  gate_.unreachable_ = true;
  gate_.health_.on_connect_failure(gate_.loop_.now());
  gate_.serve();
}

void ConnectGate::Seeker::gave_up() {
  gate_.end_attempt(*this);
  gate_.serve();
}

void ConnectGate::Seeker::lost() {
  gate_.pause();
}

}  // namespace hawser
