#include "proxy/upstream/reaper.hpp"

#include <algorithm>

#include "protocol/reply_framer.hpp"

namespace hawser {

namespace {

/// Most connections named at once.
constexpr std::size_t kMostAtOnce = 64;

}  // namespace

Reaper::Reaper(UpstreamParts& parts)
    : parts_(parts),
      seeker_(parts.gate, true, [this] { connect(); }),
      soon_(parts.loop, [this] { seeker_.want(); }) {}

Reaper::~Reaper() {
  close();
}

void Reaper::reap(EndedConnection ended) {
  if (ended.connection.client_id == 0) return;
  ended_.push_back(std::move(ended));
  if (lane_ == nullptr && !seeker_.is_waiting()) soon_.set_no_later_than(parts_.loop.now());
}

void Reaper::connect() {
  HandshakePlan plan = parts_.plan(Context{}, LaneRole::control);
  asked_ = std::min(ended_.size(), kMostAtOnce);
  for (std::size_t i = 0; i < asked_; ++i) plan.predecessors.push_back(ended_[i].connection);
  lane_ = std::make_shared<Lane>(parts_.lane_parts(LaneRole::control), *this);
  lane_->open(parts_.endpoint, std::move(plan), Clock::now() + parts_.settings.timeout.connect);
}

void Reaper::on_lane_open(Lane& lane, const HandshakeResult& result) {
  seeker_.succeeded();
  if (!result.predecessors_killed) warn("NOPERM");
  let_go();
  lane.close();
}

void Reaper::on_lane_end(Lane& /*lane*/, LaneEnd end) {
  lane_.reset();
  const bool refused = is_login_refusal(end.reply);
  if (refused) {
    seeker_.succeeded();
  } else if (!end.was_open) {
    seeker_.failed();
  }
  if (refused) {
    // Who may not log in may not kill; nobody is to wait for that.
    warn(protocol::error_text(end.reply));
    let_go();
  }
  if (ended_.empty()) return;
  soon_.set(parts_.loop.now());
}

void Reaper::let_go() {
  const auto end = ended_.begin() + static_cast<std::ptrdiff_t>(asked_);
  const std::vector<EndedConnection> settled(std::make_move_iterator(ended_.begin()),
                                             std::make_move_iterator(end));
  ended_.erase(ended_.begin(), end);
  asked_ = 0;
}

void Reaper::warn(std::string_view reason) {
  std::uint64_t suppressed = 0;
  if (!log_limit_.allow(parts_.loop.now(), suppressed)) return;
  parts_.log.warn(
      "the upstream user may not run CLIENT KILL: requests left on a lost connection may still run "
      "after newer ones",
      {{"reason", reason}, {"suppressed", suppressed}});
}

void Reaper::close() {
  seeker_.cancel();
  soon_.cancel();
  ended_.clear();
  asked_ = 0;
  if (lane_ != nullptr) lane_->close();
}

}  // namespace hawser
