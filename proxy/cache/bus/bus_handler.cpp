#include "proxy/cache/bus/bus_handler.hpp"

#include <utility>

#include "proxy/traffic/held_answer.hpp"

namespace hawser {

namespace {

/// In Redis' words.
constexpr std::string_view kMayNotPublish =
    "-NOPERM this user has no permissions to access one of the channels used as arguments\r\n";

}  // namespace

Taken BusHandler::intercept(Client& client, Request& request) {
  // Counted when it is taken: it may be offered again.
  const ParsedBusMessage parsed = parse_bus_message(request.arg(2));
  if (const auto* message = std::get_if<BusMessage>(&parsed)) {
    return perform(client, request, *message);
  }
  const Taken taken = parts_.publish.handle(client, request);
  if (taken == Taken::later) return taken;
  if (std::holds_alternative<Performed>(parsed)) {
    parts_.stats.forwarded.add();
    return taken;
  }
  parts_.stats.invalid.add();
  if (!std::exchange(is_invalid_told_, true)) {
    parts_.upstream.log().warn(
        "a message on the invalidation channel is not understood; it is passed on, further ones "
        "are only counted",
        {{"channel", channel_}, {"reason", std::get<InvalidBusMessage>(parsed).reason}});
  }
  return taken;
}

Taken BusHandler::perform(Client& client, const Request& request, const BusMessage& message) {
  // As CACHE.INVALIDATE: behind all that the client has asked before.
  if (client.unanswered() > 0) return Taken::later;
  Upstream& upstream = parts_.upstream;
  const UserId user = client.context().user;
  if (upstream.circuit().allows()) {
    switch (parts_.support.verdict(user)) {
      case CacheSupport::Verdict::good:
        break;
      case CacheSupport::Verdict::refused:
        client.open_slot(request).complete(
            "-ERR invalidations are not available: " + parts_.support.reason(user) + "\r\n");
        return Taken::yes;
      case CacheSupport::Verdict::unknown:
        if (parts_.support.hold(client, request)) return Taken::later;
        client.open_slot(request).fail(Failure::down);
        return Taken::yes;
    }
  }
  // Nothing is done for who may not publish. Nor is it passed on: it might be allowed by now, and
  // would have been done by nobody.
  const bool is_asked = upstream.circuit().allows();
  switch (parts_.support.may_publish(user, is_asked ? request.arrived : TimePoint::min())) {
    case CacheSupport::Verdict::good:
      break;
    case CacheSupport::Verdict::refused:
      client.open_slot(request).complete(kMayNotPublish);
      return Taken::yes;
    case CacheSupport::Verdict::unknown:
      if (parts_.support.hold(client, request)) return Taken::later;
      client.open_slot(request).fail(Failure::down);
      return Taken::yes;
  }
  MainLane* lane = upstream.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  client.set_route(lane);
  parts_.note_use(client.context());
  const Duration given = upstream.settings().cache.timeout;
  auto held = std::make_shared<HeldAnswer>(client, request, upstream.loop(),
                                           upstream.loop().now() + given, given);
  Invalidations::Calls calls;
  calls.done = [this, held](const InvalidationResult& result) {
    if (result.kind == InvalidationResult::Kind::done) {
      parts_.stats.performed.add();
    } else {
      answer_undone(*held, result);
    }
  };
  calls.published = [held](std::string_view reply) { held->complete(reply); };
  parts_.invalidations.perform({client.context(), message, std::string(request.arg(2))}, calls);
  return Taken::yes;
}

}  // namespace hawser
