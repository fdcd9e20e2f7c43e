#include "proxy/upstream/subscriber_lane.hpp"

#include "protocol/reply_framer.hpp"

namespace hawser {

namespace {

constexpr Duration kRefusedDelay = std::chrono::seconds(1);

}  // namespace

SubscriberLane::SubscriberLane(UpstreamParts& parts, UserId user, SubscriberLaneOwner& owner)
    : parts_(parts),
      user_(user),
      owner_(owner),
      seeker_(parts.gate, true, [this] { connect(); }),
      refused_(parts.loop, [this] { seeker_.want(); }) {}

SubscriberLane::~SubscriberLane() {
  close();
}

void SubscriberLane::ensure_open() {
  if (lane_ == nullptr && !refused_.is_set()) seeker_.want();
}

void SubscriberLane::connect() {
  lane_ = std::make_shared<Lane>(parts_.lane_parts(LaneRole::subscriber), *this);
  lane_->open(parts_.endpoint,
              parts_.plan({.user = user_, .database = 0, .resp = resp_}, LaneRole::subscriber),
              Clock::now() + parts_.settings.timeout.connect);
}

void SubscriberLane::on_lane_open(Lane& lane, const HandshakeResult& result) {
  seeker_.succeeded();
  run_id_ = result.run_id;
  lane.become_feed();
  owner_.on_subscriber_open();
}

void SubscriberLane::on_lane_end(Lane& /*lane*/, LaneEnd end) {
  lane_.reset();
  if (end.kind == LaneEnd::Kind::closed) {
    if (!end.was_open) seeker_.gave_up();
    return;
  }
  const bool refused = is_login_refusal(end.reply);
  const bool is_old = protocol::error_word(end.reply) == "NOPROTO" ||
                      end.reply.find("unknown command") != std::string::npos;
  if (!end.was_open && resp_ == RespVersion::resp3 && is_old) {
    resp_ = RespVersion::resp2;  // A server before Redis 6.
    connect();
    return;
  }
  if (end.was_open) {
    seeker_.lost();
  } else if (refused) {
    seeker_.succeeded();
  } else {
    seeker_.failed();
  }
  if (refused) {
    refused_.set(parts_.loop.now() + kRefusedDelay);
  } else {
    seeker_.want();
  }
  std::uint64_t suppressed = 0;
  if (log_limit_.allow(parts_.loop.now(), suppressed)) {
    const std::string_view text = protocol::error_text(end.reply);
    parts_.log.warn(end.was_open ? "subscriber connection lost" : "subscriber connection failed",
                    {{"upstream", parts_.stats.upstream},
                     {"reason", text.empty() ? std::string_view(end.reason) : text},
                     {"suppressed", suppressed}});
  }
  if (end.was_open) {
    owner_.on_subscriber_lost();
  } else if (refused) {
    owner_.on_subscriber_refused(end.reply);
  }
}

void SubscriberLane::on_lane_push(Lane& /*lane*/, std::string_view frame) {
  owner_.on_subscriber_frame(frame);
}

void SubscriberLane::close() {
  seeker_.cancel();
  refused_.cancel();
  if (lane_ != nullptr) lane_->close();
}

}  // namespace hawser
