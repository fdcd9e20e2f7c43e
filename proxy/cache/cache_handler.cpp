#include "proxy/cache/cache_handler.hpp"

#include <utility>

#include "protocol/reply_writer.hpp"
#include "proxy/cache/late_place.hpp"
#include "proxy/cache/lua_scripts.hpp"
#include "proxy/cache/random_hex.hpp"
#include "proxy/cache/tagged_set.hpp"
#include "proxy/cache/wall_clock.hpp"
#include "proxy/traffic/reply_tap.hpp"

namespace hawser {

namespace {

constexpr std::string_view kNoLeases =
    "-ERR leases are not available: the user may not run INFO\r\n";
/// Under a tag it would be deleted with it.
constexpr std::string_view kReserved = "ERR the key is reserved by cache.prefix";

/// How long it is tried to undo what should not have been done.
constexpr Duration kOwedFor = std::chrono::seconds(60);
/// Of a server's number in hex.
constexpr std::size_t kServerDigits = 16;

std::string error_reply(std::string_view text) {
  return "-" + std::string(text) + "\r\n";
}

}  // namespace

/// Sees what became of a write, or that a script is known to the server now.
class CacheHandler::Tap final : public ReplyTap {
 public:
  Tap(CacheHandler& handler, const Outgoing& outgoing, const Context& context, SlotHandle slot)
      : ReplyTap(std::move(slot)),
        handler_(handler),
        script_(outgoing.script),
        is_leased_(outgoing.is_leased),
        context_(context),
        written_(outgoing.written) {}

  void on_reply(std::uint32_t, Reply reply) override {
    if (!reply.bytes.starts_with('-')) script_->is_loaded = true;
    const bool is_stored = reply.bytes.starts_with('+');
    if (is_leased_) {
      (is_stored ? handler_.parts_.stats.leases_used : handler_.parts_.stats.leases_stale).add();
    }
    slot().complete(reply);
    if (is_stored && !written_.empty()) handler_.waiters_.wake(context_.database, written_);
  }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    if (failure != Failure::other_server) {
      slot().fail(failure, number);
      return;
    }
    std::string reply;  // A lease of that server is none of this one's.
    protocol::ReplyWriter(reply, context_.resp).null();
    slot().complete(reply);
  }

 private:
  CacheHandler& handler_;
  Script* const script_;
  const bool is_leased_;
  const Context context_;
  const std::string written_;
};

/// Takes the reply to a question for a value or a lease, and makes a token whole: it names the
/// server that granted it. A lease that nobody takes is given back, also one that is granted only
/// after the question was given up.
class CacheHandler::LeaseTap final : public ReplySink {
 public:
  LeaseTap(CacheHandler& handler, const LeaseWaiters::Question& question, std::string nonce,
           LeaseWaiters::Answer done, LeaseWaiters::Failed failed)
      : handler_(handler),
        context_(question.context),
        release_{question.context, handler.parts_.keys.lease(question.key), std::move(nonce),
                 handler.upstream_.loop().now() + kOwedFor},
        owed_(handler.owed_),
        done_(std::move(done)),
        failed_(std::move(failed)) {}

  void on_reply(std::uint32_t, Reply reply) override {
    if (!reply.bytes.starts_with('-')) handler_.scripts_.get.is_loaded = true;
    if (!has_token(reply.bytes)) {
      (void)done_(reply);
      return;
    }
    const MainLane* lane = handler_.upstream_.find_main_lane(context_);
    const std::uint64_t server = lane != nullptr ? lane->server() : 0;
    if (server == 0) {
      handler_.owed_->make(release_);
      (void)done_(Reply{kNoLeases});
      return;
    }
    // A token has no line ends, so the last bulk string begins where it seems to.
    const std::size_t line = reply.bytes.rfind("\r\n$") + 2;
    const std::size_t token = reply.bytes.find("\r\n", line) + 2;
    std::string whole = to_hex(server) + "-";
    whole += reply.bytes.substr(token, reply.bytes.size() - token - 2);
    std::string last;
    protocol::ReplyWriter(last, context_.resp).bulk(whole);
    // In a block of its own: a long value is not copied again.
    BlockPtr block = handler_.upstream_.loop().blocks().take(line + last.size());
    block->append(reply.bytes.substr(0, line));
    block->append(last);
    if (!done_(Reply{block->view(), &block})) handler_.owed_->make(release_);
  }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    if (failure_row(failure).outcome == Outcome::unknown) on_settled();
    failed_(failure, number);
  }
  void on_expiry(std::uint32_t, Failure failure, std::int64_t number) override {
    failed_(failure, number);
  }
  void on_settled() override {
    if (const auto owed = owed_.lock()) owed->make_soon(release_);
  }

 private:
  CacheHandler& handler_;
  const Context context_;
  const OwedCalls::Call release_;  ///< Of the lease, if it was granted.
  const std::weak_ptr<OwedCalls> owed_;
  const LeaseWaiters::Answer done_;
  const LeaseWaiters::Failed failed_;
};

CacheHandler::CacheHandler(Parts parts)
    : parts_(std::move(parts)),
      upstream_(parts_.upstream),
      scripts_{upstream_.scripts().add(lua::kSet),
               upstream_.scripts().add(lua::kSetLeased),
               upstream_.scripts().add(lua::kSetLeasedPruning),
               upstream_.scripts().add(lua::kSetLeasedApart),
               upstream_.scripts().add(lua::kGet),
               upstream_.scripts().add(lua::kTag),
               upstream_.scripts().add(lua::kUntag)},
      waiters_(upstream_, parts_.stats,
               [this](const LeaseWaiters::Question& question, LeaseWaiters::Answer answer,
                      LeaseWaiters::Failed failed) {
                 ask(question, std::move(answer), std::move(failed));
               }),
      owed_(std::make_shared<OwedCalls>(parts_.caller, upstream_.scripts().add(lua::kRelease))) {}

Taken CacheHandler::handle(Client& client, Request& request) {
  const CacheCommand command = parse_cache_command(request);
  if (const auto* error = std::get_if<CacheError>(&command)) {
    return answer(client, request, error_reply(error->text));
  }
  if (upstream_.circuit().allows()) {
    switch (parts_.support.verdict(client.context().user)) {
      case CacheSupport::Verdict::good:
        break;
      case CacheSupport::Verdict::refused:
        return answer(client, request,
                      error_reply("ERR cache commands are not available: " +
                                  parts_.support.reason(client.context().user)));
      case CacheSupport::Verdict::unknown:
        if (parts_.support.hold(client, request)) return Taken::later;
        client.open_slot(request).fail(Failure::down);
        return Taken::yes;
    }
  }
  parts_.note_use(client.context());
  if (const auto* it = std::get_if<CacheSet>(&command)) return set(client, request, *it);
  if (const auto* it = std::get_if<CacheGet>(&command)) return get(client, request, *it);
  if (const auto* it = std::get_if<CacheTag>(&command)) return tag(client, request, *it);
  return invalidate(client, request, std::get<CacheInvalidate>(command));
}

Taken CacheHandler::answer(Client& client, const Request& request, std::string_view reply) {
  client.open_slot(request).complete(reply);
  return Taken::yes;
}

Taken CacheHandler::set(Client& client, Request& request, const CacheSet& command) {
  if (parts_.keys.is_reserved(command.key)) {
    return answer(client, request, error_reply(kReserved));
  }
  Write write{.command = command, .indexes = {}};
  for (const std::string_view tag : command.tags) write.indexes.push_back(parts_.keys.index(tag));
  const std::int64_t now = wall_clock_ms();
  if (command.life_ms) write.life = std::to_string(*command.life_ms);
  write.score = std::to_string(score_of(now + command.life_ms.value_or(kForEver)));
  const bool is_tagged = !write.indexes.empty();
  if (is_tagged && prune_chance_.draw()) write.prune = std::to_string(now);
  if (command.lease) return set_leased(client, request, write);
  // A large value may take a way of its own, and where something is to be looked for as well only a
  // script will do.
  const bool is_large = request.raw.size() > upstream_.settings().lanes.large_request;
  if (is_tagged && write.prune.empty() && !is_large) return set_tagged(client, request, write);
  std::vector<std::string_view> keys = {command.key};
  keys.insert(keys.end(), write.indexes.begin(), write.indexes.end());
  Outgoing out;
  out.script = &scripts_.set;
  out.is_apart = goes_apart(request);
  out.bytes = ScriptCaller::request(
      *out.script, keys, {command.value, write.life, write.score, write.prune}, out.is_apart);
  out.written = command.key;
  return send(client, request, out);
}

Taken CacheHandler::set_tagged(Client& client, Request& request, const Write& write) {
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  client.set_route(lane);
  const TaggedSet block{write.command.key, write.command.value, write.life, write.score,
                        write.indexes};
  const Context context = client.context();
  auto* sink =
      new TaggedSetSink(write.indexes.size(), client.open_slot(request),
                        [this, context, key = std::string(write.command.key),
                         value = std::string(write.command.value)](TaggedSetSink::End end) {
                          if (end == TaggedSetSink::End::unindexed) {
                            // Before the client's next requests; if it has to be said again, only
                            // of this value.
                            owed_->make({context, key, value, upstream_.loop().now() + kOwedFor});
                          } else if (end == TaggedSetSink::End::stored && !waiters_.empty()) {
                            waiters_.wake(context.database, key);
                          }
                        });
  std::vector<SlotHandle> slots;
  for (std::uint32_t place = 0; place < block.requests(); ++place) {
    slots.emplace_back(*sink, place);
  }
  upstream_.forward_block(lane, block.bytes(), std::move(slots), request);
  return Taken::yes;
}

Taken CacheHandler::set_leased(Client& client, Request& request, const Write& write) {
  const CacheSet& command = write.command;
  const MainLane* lane = upstream_.main_lane(client.context());
  if (lane != nullptr && lane->is_open() && lane->server() != command.lease->server) {
    if (!client.may_go_to(lane)) return Taken::later;
    parts_.stats.leases_stale.add();
    std::string reply;
    protocol::ReplyWriter(reply, client.context().resp).null();
    return answer(client, request, reply);
  }
  const std::string lease = parts_.keys.lease(command.key);
  const std::string invalidated = parts_.keys.invalidated();
  const std::string last = parts_.keys.last();
  std::vector<std::string_view> keys = {command.key, lease, invalidated, last};
  keys.insert(keys.end(), write.indexes.begin(), write.indexes.end());
  std::vector<std::string_view> args = {command.value,
                                        write.life,
                                        write.score,
                                        write.prune,
                                        command.lease->nonce,
                                        command.lease->generation,
                                        command.lease->sequence};
  std::vector<std::string> noted;
  for (const std::string_view tag : command.tags) noted.push_back("t" + std::string(tag));
  args.insert(args.end(), noted.begin(), noted.end());
  Outgoing out;
  out.is_apart = goes_apart(request);
  out.script = out.is_apart          ? &scripts_.set_leased_apart
               : write.prune.empty() ? &scripts_.set_leased
                                     : &scripts_.set_leased_pruning;
  out.server = command.lease->server;
  out.is_leased = true;
  out.written = command.key;
  const std::string number = to_hex(command.lease->server);
  const std::string server = "r" + std::string(kServerDigits - number.size(), '0') + number;
  if (out.is_apart) args.push_back(server);
  out.bytes = ScriptCaller::request(*out.script, keys, args, out.is_apart);
  return send(client, request, out);
}

Taken CacheHandler::tag(Client& client, Request& request, const CacheTag& command) {
  if (parts_.keys.is_reserved(command.key)) return answer(client, request, error_reply(kReserved));
  std::vector<std::string> indexes;
  for (const std::string_view tag : command.tags) indexes.push_back(parts_.keys.index(tag));
  std::vector<std::string_view> keys = {command.key};
  keys.insert(keys.end(), indexes.begin(), indexes.end());
  const std::string now = std::to_string(wall_clock_ms());
  Outgoing out;
  out.script = command.removes ? &scripts_.untag : &scripts_.tag;
  out.bytes = ScriptCaller::request(*out.script, keys, {now});
  return send(client, request, out);
}

CacheHandler::Outgoing CacheHandler::get_request(const LeaseWaiters::Question& question,
                                                 std::string_view nonce) {
  const std::string lease = parts_.keys.lease(question.key);
  const std::string invalidated = parts_.keys.invalidated();
  const std::string last = parts_.keys.last();
  const std::string stale = question.stale_ms > 0 ? std::to_string(question.stale_ms) : "";
  const std::string life = question.lease_ms > 0 ? std::to_string(question.lease_ms) : "";
  Outgoing out;
  out.script = &scripts_.get;
  out.bytes = ScriptCaller::request(*out.script, {question.key, lease, invalidated, last},
                                    {stale, life, nonce, random_hex()});
  return out;
}

Taken CacheHandler::get(Client& client, Request& request, const CacheGet& command) {
  const LeaseWaiters::Question question{client.context(), std::string(command.key),
                                        command.lease_ms.value_or(0), command.stale_ms.value_or(0)};
  if (!command.lease_ms) return send(client, request, get_request(question, {}));
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  client.set_route(lane);
  const auto& settings = upstream_.settings();
  // Longer than the first question, the wait, and the last question can take.
  const Duration given = settings.timeout.total + settings.cache.wait + settings.timeout.total;
  // The client's next requests go on: one of them may bring what this one waits for. Everybody asks
  // once in the order of his own requests, also while others wait for the same: an answer to what
  // was asked before would be older than what he has written, or knows to be invalidated. Who then
  // has to wait gets what there is at the end of the wait.
  auto held = std::make_shared<HeldAnswer>(client, request, upstream_.loop(),
                                           upstream_.loop().now() + given, given,
                                           HeldAnswer::Next::goes_on);
  ask(
      question,
      [this, question, held](Reply reply) {
        const RespVersion resp = question.context.resp;
        const bool is_held = reply.bytes == kHeld;
        if (!held->is_waited_for() && (is_held || has_token(reply.bytes))) {
          // It has left, or has at least ended its side: it would fill nothing.
          held->complete(is_held ? plain_miss(resp) : without_token(reply.bytes, resp));
          return false;
        }
        if (is_held) {
          parts_.stats.leases_waited.add();
          waiters_.add(question, held);
        } else {
          held->complete(reply);
        }
        return true;
      },
      [held](Failure failure, std::int64_t number) { held->fail(failure, number); });
  return Taken::yes;
}

void CacheHandler::ask(const LeaseWaiters::Question& question, LeaseWaiters::Answer done,
                       LeaseWaiters::Failed failed) {
  std::string nonce = random_hex();
  const Outgoing out = get_request(question, nonce);
  static const protocol::Command* const row = protocol::find_command("cache.get");
  Request own{.raw = out.bytes, .args = {}, .command = row, .following = {}};
  own.arrived = upstream_.loop().now();
  auto* tap = new LeaseTap(*this, question, std::move(nonce), std::move(done), std::move(failed));
  upstream_.forward(upstream_.main_lane(question.context), own, SlotHandle(*tap, 0));
}

Taken CacheHandler::invalidate(Client& client, const Request& request,
                               const CacheInvalidate& command) {
  // It is sent on hawser's own account, so nothing holds it behind a write that Redis rejected and
  // that is to be sent again.
  if (client.unanswered() > 0) return Taken::later;
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  client.set_route(lane);
  const Duration given = upstream_.settings().cache.timeout;
  auto held = std::make_shared<HeldAnswer>(client, request, upstream_.loop(),
                                           upstream_.loop().now() + given, given);
  const auto tell = [held](std::int64_t keys) {
    held->complete(":" + std::to_string(keys) + "\r\n");
  };
  Invalidations::Calls calls;
  if (command.is_async) calls.begun = tell;
  calls.done = [held, tell](const InvalidationResult& result) {
    if (result.kind == InvalidationResult::Kind::done) {
      tell(result.keys);
    } else {
      answer_undone(*held, result);
    }
  };
  parts_.invalidations.perform(
      {client.context(),
       {BusMessage::Type::tags, {command.tags.begin(), command.tags.end()}, "CACHE.INVALIDATE"},
       {}},
      calls);
  return Taken::yes;
}

/// Whether a request is too large for the connection others share.
bool CacheHandler::goes_apart(const Request& request) const {
  return request.raw.size() > upstream_.settings().lanes.large_request;
}

Taken CacheHandler::send(Client& client, Request& request, const Outgoing& outgoing) {
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  Request own = request;
  own.raw = outgoing.bytes;
  own.canonical = true;
  own.block = nullptr;
  own.server = outgoing.server;
  if (outgoing.is_apart && client.unsettled() > 0) return Taken::later;
  if (outgoing.is_apart) return send_apart(client, request, own, outgoing);
  client.set_route(lane);
  SlotHandle slot = client.open_slot(request);
  const bool wakes = !outgoing.written.empty() && !waiters_.empty();
  if (!outgoing.script->is_loaded || outgoing.is_leased || wakes) {
    slot = SlotHandle(*new Tap(*this, outgoing, client.context(), std::move(slot)), 0);
  }
  upstream_.forward(lane, own, std::move(slot));
  return Taken::yes;
}

/// On a connection of its own, where the script goes whole: nobody there sends it again.
Taken CacheHandler::send_apart(Client& client, const Request& request, Request& own,
                               const Outgoing& outgoing) {
  const SinkPtr<LatePlace> place(new LatePlace);
  client.capture(place.get());
  const Taken taken = parts_.forward.handle(client, own);
  client.capture(nullptr);
  if (taken == Taken::later) return taken;
  auto* tap = new Tap(*this, outgoing, client.context(), client.open_slot(request));
  place->open(SlotHandle(*tap, 0));
  return taken;
}

}  // namespace hawser
