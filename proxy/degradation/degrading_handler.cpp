#include "proxy/degradation/degrading_handler.hpp"

#include "proxy/degradation/absent_reply.hpp"

namespace hawser {

DegradingHandler::DegradingHandler(Upstream& upstream, Handler& forward)
    : upstream_(upstream),
      forward_(forward),
      rules_(upstream.settings().degrade.miss, upstream.settings().degrade.drop),
      journal_(upstream.settings().degrade.journal_keys, upstream.settings().degrade.journal_bytes),
      replay_(upstream, journal_, stats_) {}

Taken DegradingHandler::handle(Client& client, Request& request) {
  const bool is_open = !upstream_.circuit().allows();
  if (is_open ? answer_open(client, request)
              : !journal_.flushes().empty() && answer_flushing(client, request)) {
    return Taken::yes;
  }
  return forward_.handle(client, request);
}

bool DegradingHandler::answer_open(Client& client, Request& request) {
  // What it asked before may still be executed, and would come behind a write that was dropped.
  if (client.unsettled() > 0 || client.is_captured()) return false;
  const Degradation degradation = rules_.decide(request, client.context().resp);
  if (degradation.verdict == Degraded::refuse) return false;
  const Context& context = client.context();
  for (const DroppedKey& key : degradation.dropped) {
    (void)journal_.add(context.user, context.database, key.key, key.pattern);
  }
  (degradation.dropped.empty() ? stats_.missed : stats_.dropped).add();
  if (!degradation.dropped.empty()) replay_.on_dropped();
  client.open_slot(request).complete(degradation.reply);
  return true;
}

/// The circuit is closed, but under some patterns what Redis has may be out of date.
bool DegradingHandler::answer_flushing(Client& client, Request& request) {
  const std::uint32_t database = client.context().database;
  const auto is_flushing = [&](std::string_view key) {
    return journal_.is_flushing(database, key);
  };
  const KeysCovered covered = keys_covered(request, is_flushing);
  std::string reply;
  if (covered == KeysCovered::none || !append_absent_reply(request, client.context().resp, reply)) {
    return false;
  }
  if (covered == KeysCovered::all) {
    stats_.missed.add();
    client.open_slot(request).complete(reply);
  } else {
    upstream_.refuse(client.open_slot(request));
  }
  return true;
}

}  // namespace hawser
