#include "proxy/upstream/subscriber_lane.hpp"

#include "protocol/reply_framer.hpp"

namespace hawser {

SubscriberLane::SubscriberLane(UpstreamParts& parts, UserId user, SubscriberLaneOwner& owner)
    : parts_(parts),
      user_(user),
      owner_(owner),
      backoff_(parts.settings.reconnect.backoff_min, parts.settings.reconnect.backoff_max,
               static_cast<std::uint32_t>(Clock::now().time_since_epoch().count())),
      retry_(parts.loop, [this] { connect(); }) {}

SubscriberLane::~SubscriberLane() {
  close();
}

void SubscriberLane::ensure_open() {
  if (lane_ == nullptr && !retry_.is_set()) connect();
}

void SubscriberLane::connect() {
  lane_ = std::make_shared<Lane>(
      Lane::Parts{parts_.loop, parts_.limits, parts_.stats, LaneRole::subscriber,
                  parts_.settings.buffers.max_bytes, parts_.settings.timeout.command},
      *this);
  lane_->open(parts_.endpoint,
              parts_.plan({.user = user_, .database = 0, .resp = resp_}, LaneRole::subscriber),
              Clock::now() + parts_.settings.timeout.connect);
}

void SubscriberLane::on_lane_open(Lane& lane, const HandshakeResult& /*result*/) {
  backoff_.reset();
  lane.become_feed();
  owner_.on_subscriber_open();
}

void SubscriberLane::on_lane_end(Lane& /*lane*/, LaneEnd end) {
  lane_.reset();
  if (end.kind == LaneEnd::Kind::closed) return;
  const bool refused = end.kind == LaneEnd::Kind::handshake_failed;
  const std::string_view word = protocol::error_word(end.reply);
  if (refused && resp_ == RespVersion::resp3 && (word == "NOPROTO" || word == "ERR")) {
    resp_ = RespVersion::resp2;  // A server before Redis 6.
    connect();
    return;
  }
  retry_.set(parts_.loop.now() + Duration(backoff_.next()));
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
  retry_.cancel();
  if (lane_ != nullptr) lane_->close();
}

}  // namespace hawser
