#include "proxy/upstream/reaper.hpp"

namespace hawser {

namespace {

/// Most connections named in one question.
constexpr std::size_t kMostAtOnce = 64;

}  // namespace

Reaper::Reaper(UpstreamParts& parts, Control& control)
    : parts_(parts),
      control_(control),
      retry_(parts.loop, [this] { ask(); }),
      backoff_(parts.settings.reconnect.backoff_min, parts.settings.reconnect.backoff_max,
               static_cast<std::uint32_t>(Clock::now().time_since_epoch().count())) {}

void Reaper::reap(UserId user, std::uint64_t client_id,
                  std::shared_ptr<std::vector<SlotHandle>> unsettled) {
  if (client_id == 0) return;
  ended_.push_back({user, client_id, std::move(unsettled)});
  // In the next turn: many connections may end in this one.
  if (!asking_ && !retry_.is_set()) retry_.set(parts_.loop.now());
}

void Reaper::ask() {
  ControlQuestion question{.user = ended_.front().user, .commands = {}, .overtakes = true};
  for (const Ended& ended : ended_) {
    if (ended.user != *question.user || question.commands.size() == kMostAtOnce) break;
    question.commands.push_back({"CLIENT", "KILL", "ID", std::to_string(ended.client_id)});
  }
  asking_ = true;
  const std::size_t asked = question.commands.size();
  control_.ask(question, Clock::now() + parts_.settings.timeout.connect,
               [this, asked](const ControlAnswer& answer) { on_answer(answer, asked); });
}

void Reaper::on_answer(const ControlAnswer& answer, std::size_t asked) {
  asking_ = false;
  const bool never = answer.text.starts_with("NOPERM") || answer.text.starts_with("ERR");
  if (answer.kind == ControlAnswer::Kind::unreachable ||
      (answer.kind == ControlAnswer::Kind::error && !never)) {
    retry_.set(parts_.loop.now() + backoff_.next());
    return;
  }
  backoff_.reset();
  std::uint64_t suppressed = 0;
  if (answer.kind == ControlAnswer::Kind::error &&
      log_limit_.allow(parts_.loop.now(), suppressed)) {
    parts_.log.warn(
        "the upstream user may not run CLIENT KILL: requests left on a lost connection may still "
        "run after newer ones",
        {{"reason", answer.text}, {"suppressed", suppressed}});
  }
  const auto settled_end = ended_.begin() + static_cast<std::ptrdiff_t>(asked);
  std::vector<Ended> settled(std::make_move_iterator(ended_.begin()),
                             std::make_move_iterator(settled_end));
  ended_.erase(ended_.begin(), settled_end);
  if (!ended_.empty()) ask();
}

void Reaper::close() {
  retry_.cancel();
  ended_.clear();
}

}  // namespace hawser
