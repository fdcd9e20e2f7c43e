#include "proxy/cache/rule_handler.hpp"

#include <utility>

#include "proxy/cache/lua_scripts.hpp"
#include "proxy/cache/wall_clock.hpp"
#include "proxy/traffic/reply_tap.hpp"

namespace hawser {

namespace {

constexpr std::size_t kNameAt = 1;

}  // namespace

/// Gives the client the reply to its write, and counts an index that Redis refused.
class RuleHandler::Tap final : public ReplyTap {
 public:
  Tap(RuleHandler& handler, SlotHandle slot) : ReplyTap(std::move(slot)), handler_(handler) {}

  void on_reply(std::uint32_t, Reply reply) override {
    if (!reply.bytes.starts_with('-')) handler_.script_.is_loaded = true;
    constexpr std::string_view kRefused = "*2\r\n";
    if (!reply.bytes.starts_with(kRefused)) {
      slot().complete(reply);
      return;
    }
    // [reply, error], the error as a string.
    const std::size_t error = reply.bytes.rfind("\r\n$");
    handler_.stats_.index_refused.add();
    slot().complete(reply.bytes.substr(kRefused.size(), error + 2 - kRefused.size()));
  }

 private:
  RuleHandler& handler_;
};

RuleHandler::RuleHandler(Upstream& upstream, const CacheKeys& keys, CacheSupport& support,
                         CacheStats& stats, Handler& next)
    : upstream_(upstream),
      support_(support),
      stats_(stats),
      next_(next),
      script_(upstream.scripts().add(lua::kWrite)),
      writer_(upstream.settings().cache.rules, keys) {}

Taken RuleHandler::handle(Client& client, Request& request) {
  if (!writer_.may_concern(request)) return next_.handle(client, request);
  return send(client, request);
}

Taken RuleHandler::send(Client& client, Request& request) {
  const UserId user = client.context().user;
  if (!upstream_.circuit().allows()) return next_.handle(client, request);
  switch (support_.verdict(user)) {
    case CacheSupport::Verdict::good:
      break;
    case CacheSupport::Verdict::refused:
      stats_.unindexed.add();
      return next_.handle(client, request);
    case CacheSupport::Verdict::unknown:
      if (support_.hold(client, request)) return Taken::later;
      client.open_slot(request).fail(Failure::down);
      return Taken::yes;
  }
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  const bool is_large = request.raw.size() > upstream_.settings().lanes.large_request;
  scratch_.clear();
  if (!writer_.append(request, how(!script_.is_loaded, is_large), scratch_)) {
    return next_.handle(client, request);
  }
  stats_.tagged_by_rule.add();
  Request own = request;
  own.raw = scratch_;
  own.canonical = true;
  own.block = nullptr;
  // On a connection of its own nobody looks at the reply.
  if (is_large) return next_.handle(client, own);
  client.set_route(lane);
  auto* tap = new Tap(*this, client.open_slot(request));
  upstream_.forward(lane, own, SlotHandle(*tap, 0));
  return Taken::yes;
}

bool RuleHandler::rewrite_queued(const Client& client, const Request& request, std::string& out) {
  if (request.command == nullptr || request.argc() <= kNameAt) return false;
  const std::string_view name = request.command->name;
  const bool is_write =
      name == "set" || name == "setex" || name == "psetex" || name == "getset" || name == "mset";
  if (!is_write || !writer_.may_concern(request)) return false;
  if (support_.verdict(client.context().user) != CacheSupport::Verdict::good) {
    stats_.unindexed.add();
    return false;
  }
  // Whole: that Redis does not know the digest would be seen only when the rest has been done.
  if (!writer_.append(request, how(true, true), out)) return false;
  stats_.tagged_by_rule.add();
  return true;
}

RuleWriter::How RuleHandler::how(bool is_whole, bool is_quiet) {
  return {script_, is_whole, is_quiet, ++writes_ % kPruneEvery == 0, wall_clock_ms()};
}

}  // namespace hawser
