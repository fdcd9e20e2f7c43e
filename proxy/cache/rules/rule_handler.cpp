#include "proxy/cache/rules/rule_handler.hpp"

#include <utility>

#include "proxy/cache/lua_scripts.hpp"
#include "proxy/cache/wall_clock.hpp"
#include "proxy/traffic/reply_tap.hpp"

namespace hawser {

/// Sees whether the user's rights have become narrower: from then on its writes go as they are.
class RuleHandler::RightsTap : public ReplyTap {
 public:
  RightsTap(RuleHandler& handler, UserId user, SlotHandle slot)
      : ReplyTap(std::move(slot)), handler_(handler), user_(user) {}

  void on_reply(std::uint32_t, Reply reply) override {
    look_at(reply.bytes);
    slot().complete(reply);
  }

 protected:
  void look_at(std::string_view reply) {
    const bool is_refused = protocol::error_word(reply) == "NOPERM";
    if (is_refused && reply.find("'eval") != std::string_view::npos) {
      handler_.parts_.support.doubt(user_);
    }
  }
  RuleHandler& handler_;

 private:
  const UserId user_;
};

/// Gives the client the reply to its write, and counts an index that Redis refused.
class RuleHandler::Tap final : public RightsTap {
 public:
  Tap(RuleHandler& handler, Script& script, UserId user, SlotHandle slot)
      : RightsTap(handler, user, std::move(slot)), script_(script) {}

  void on_reply(std::uint32_t, Reply reply) override {
    if (!reply.bytes.starts_with('-')) script_.is_loaded = true;
    look_at(reply.bytes);
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
  Script& script_;
};

RuleHandler::RuleHandler(Parts parts)
    : parts_(std::move(parts)),
      script_(parts_.upstream.scripts().add(lua::kWrite)),
      pruning_script_(parts_.upstream.scripts().add(lua::kWritePruning)),
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
  // By its digest only where it can be sent again if Redis has lost the script: not if more of the
  // client's is on its way.
  const bool is_alone = client.unanswered() == 0 && request.following.empty();
  RuleWriter::How how = next_write();
  how.is_quiet = is_large;
  how.is_whole = is_large || !is_alone || !how.script.is_loaded;
  scratch_.clear();
  if (!writer_.append(request, how, scratch_)) return parts_.next.handle(client, request);
  note(client.context());
  Request own = request;
  own.raw = scratch_;
  own.canonical = true;
  own.block = nullptr;
  // On a connection of its own nobody looks at the reply: hence whole, and quiet.
  if (is_large) return parts_.next.handle(client, own);
  client.set_route(lane);
  auto* tap = new Tap(*this, how.script, user, client.open_slot(request));
  parts_.upstream.forward(lane, own, SlotHandle(*tap, 0));
  return Taken::yes;
}

bool RuleHandler::holds(Client& client, const Request& request) {
  return parts_.upstream.circuit().allows() &&
         parts_.support.verdict(client.context().user) == CacheSupport::Verdict::unknown &&
         parts_.support.hold(client, request);
}

bool RuleHandler::rewrite_queued(const Client& client, const Request& request, std::string& out) {
  if (request.command == nullptr) return false;
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
  RuleWriter::How how = next_write();
  how.is_whole = how.is_quiet = true;
  if (!writer_.append(request, how, out)) return false;
  note(client.context());
  return true;
}

SlotHandle RuleHandler::watch_rewritten(const Client& client, SlotHandle slot) {
  return {*new RightsTap(*this, client.context().user, std::move(slot)), 0};
}

void RuleHandler::note(const Context& context) {
  parts_.stats.tagged_by_rule.add();
  parts_.note_use(context);
}

/// Some look for dead members as well.
RuleWriter::How RuleHandler::next_write() {
  const bool prunes = prune_chance_.draw();
  return {prunes ? pruning_script_ : script_, false, false, prunes, wall_clock_ms()};
}

}  // namespace hawser
