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
    handler_.parts_.stats.index_refused.add();
    slot().complete(reply.bytes.substr(kRefused.size(), error + 2 - kRefused.size()));
  }

 private:
  RuleHandler& handler_;
};

RuleHandler::RuleHandler(Parts parts)
    : parts_(std::move(parts)),
      script_(parts_.upstream.scripts().add(lua::kWrite)),
      writer_(parts_.upstream.settings().cache.rules, parts_.keys) {}

Taken RuleHandler::handle(Client& client, Request& request) {
  if (!writer_.may_concern(request)) return parts_.next.handle(client, request);
  return send(client, request);
}

Taken RuleHandler::send(Client& client, Request& request) {
  const UserId user = client.context().user;
  if (!parts_.upstream.circuit().allows()) return parts_.next.handle(client, request);
  switch (parts_.support.verdict(user)) {
    case CacheSupport::Verdict::good:
      break;
    case CacheSupport::Verdict::refused:
      parts_.stats.unindexed.add();
      return parts_.next.handle(client, request);
    case CacheSupport::Verdict::unknown:
      if (parts_.support.hold(client, request)) return Taken::later;
      client.open_slot(request).fail(Failure::down);
      return Taken::yes;
  }
  MainLane* lane = parts_.upstream.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  const bool is_large = request.raw.size() > parts_.upstream.settings().lanes.large_request;
  scratch_.clear();
  if (!writer_.append(request, how(!script_.is_loaded || is_large, is_large), scratch_)) {
    return parts_.next.handle(client, request);
  }
  note(client.context());
  Request own = request;
  own.raw = scratch_;
  own.canonical = true;
  own.block = nullptr;
  // On a connection of its own nobody looks at the reply: hence whole, and quiet.
  if (is_large) return parts_.next.handle(client, own);
  client.set_route(lane);
  auto* tap = new Tap(*this, client.open_slot(request));
  parts_.upstream.forward(lane, own, SlotHandle(*tap, 0));
  return Taken::yes;
}

bool RuleHandler::rewrite_queued(const Client& client, const Request& request, std::string& out) {
  if (request.command == nullptr || request.argc() <= kNameAt) return false;
  const std::string_view name = request.command->name;
  const bool is_write =
      name == "set" || name == "setex" || name == "psetex" || name == "getset" || name == "mset";
  if (!is_write || !writer_.may_concern(request)) return false;
  const UserId user = client.context().user;
  if (parts_.support.verdict(user) != CacheSupport::Verdict::good) {
    if (parts_.support.verdict(user) == CacheSupport::Verdict::unknown) parts_.support.ask(user);
    parts_.stats.unindexed.add();
    return false;
  }
  // Whole: that Redis does not know the digest would be seen only when the rest has been done.
  if (!writer_.append(request, how(true, true), out)) return false;
  note(client.context());
  return true;
}

void RuleHandler::note(const Context& context) {
  parts_.stats.tagged_by_rule.add();
  parts_.note_use(context);
}

RuleWriter::How RuleHandler::how(bool is_whole, bool is_quiet) {
  return {script_, is_whole, is_quiet, prune_chance_.draw(), wall_clock_ms()};
}

}  // namespace hawser
