#include "proxy/transactions/pinned_stay.hpp"

#include <utility>

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/blocking_time.hpp"
#include "proxy/traffic/hello_reply.hpp"
#include "proxy/traffic/words.hpp"
#include "proxy/transactions/redirection.hpp"
#include "proxy/transactions/splice.hpp"

namespace hawser {

namespace {

constexpr std::string_view kAborted =
    "-EXECABORT Transaction discarded because of previous errors.\r\n";
constexpr std::string_view kNoTarget = "-ERR The client ID you want redirect to does not exist\r\n";
/// WATCH without a key, then EXEC.
constexpr std::string_view kAbortingExec = "*1\r\n$5\r\nWATCH\r\n*1\r\n$4\r\nEXEC\r\n";
/// Changes nothing, and is refused in no state in which a command can be queued.
constexpr std::string_view kStandIn = "*1\r\n$4\r\nPING\r\n";

bool has_name(const Request& request, std::string_view name) {
  return request.command != nullptr && request.command->name == name;
}

/// COMMAND, to which hawser has something to add.
bool asks_for_commands(const Request& request) {
  return has_name(request, "command") ||
         (request.command != nullptr && request.command->name.starts_with("command|"));
}

/// Whether nothing but its action says what the command leaves behind on its connection.
bool is_known(const Request& request, Action action) {
  return request.command != nullptr &&
         (action != Action::none || request.command->treatment == protocol::Treatment::shared ||
          request.command->treatment == protocol::Treatment::intercepted ||
          request.command->command_class == CommandClass::blocking);
}

std::string refusal_to_queue(const protocol::Command& row, std::size_t argc) {
  std::string reply;
  protocol::ReplyWriter writer(reply, protocol::RespVersion::resp2);
  if (row.accepts(argc)) {
    writer.error("ERR Command not allowed inside a transaction");
  } else {
    writer.error("ERR wrong number of arguments for '" + std::string(row.name) + "' command");
  }
  return reply;
}

}  // namespace

/// Sees a reply pass, so that the stay knows what state the connection is in.
class PinnedStay::Tap final : public ReplySink {
 public:
  Tap(std::weak_ptr<PinnedStay> stay, Step step, SlotHandle slot)
      : stay_(std::move(stay)), step_(std::move(step)), slot_(std::move(slot)) {}

  void on_reply(std::uint32_t, Reply reply) override {
    if (const auto stay = stay_.lock()) {
      stay->on_reply(step_, std::move(slot_), reply);
    } else {
      slot_.complete(reply);
    }
  }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    slot_.fail(failure, number);
    if (const auto stay = stay_.lock()) stay->on_failed(step_);
  }
  void on_expiry(std::uint32_t, Failure failure, std::int64_t number) override {
    slot_.expire(failure, number);  // Settled with this tap.
    if (const auto stay = stay_.lock()) stay->on_failed(step_);
  }
  std::size_t stream_threshold(std::uint32_t) const override {
    if (step_.action == Action::none) return slot_.stream_threshold();
    if (step_.action != Action::exec) return 0;
    // All that was queued has been answered: it is known whether hawser has a part in the reply.
    const auto stay = stay_.lock();
    return stay != nullptr && !stay->specials_.empty() ? 0 : slot_.stream_threshold();
  }
  bool on_part(std::uint32_t, std::string_view part, bool last) override {
    const bool room = slot_.stream(part, last);
    if (last) {
      if (const auto stay = stay_.lock()) stay->on_streamed(step_);
    }
    return room;
  }

 private:
  std::weak_ptr<PinnedStay> stay_;
  Step step_;
  SlotHandle slot_;
};

/// What hawser's own handler answers to a command that was queued.
class PinnedStay::Answer final : public ReplySink {
 public:
  explicit Answer(std::function<void(std::string)> done) : done_(std::move(done)) {}
  ~Answer() override { finish(failure_reply(Failure::down)); }
  void on_reply(std::uint32_t, Reply reply) override { finish(std::string(reply.bytes)); }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    finish(failure_reply(failure, number));
  }

 private:
  void finish(std::string answer) {
    const auto done = std::exchange(done_, nullptr);
    if (done) done(std::move(answer));
  }
  std::function<void(std::string)> done_;
};

/// Passes on the answer to a request whose handler has taken the place of a stay, which gets it
/// back with the answer.
class PinnedStay::Passage final : public ReplySink {
 public:
  explicit Passage(std::shared_ptr<PinnedStay> stay)
      : stay_(std::move(stay)), client_(stay_->client_.weak_from_this()) {}
  /// The place can be taken only after the request was.
  void set_slot(SlotHandle slot) {
    slot_ = std::move(slot);
    if (!early_.empty()) slot_.complete(early_);
  }

  void on_reply(std::uint32_t, Reply reply) override {
    give_place_back();
    if (slot_) {
      slot_.complete(reply);
    } else {
      early_ = reply.bytes;
    }
  }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    give_place_back();
    if (slot_) {
      slot_.fail(failure, number);
    } else {
      early_ = failure_reply(failure, number);
    }
  }
  void on_expiry(std::uint32_t, Failure failure, std::int64_t number) override {
    give_place_back();
    slot_.expire(failure, number);  // Settled with this passage.
  }
  std::size_t stream_threshold(std::uint32_t) const override { return slot_.stream_threshold(); }
  bool on_part(std::uint32_t, std::string_view part, bool last) override {
    if (last) give_place_back();
    return slot_.stream(part, last);
  }

 private:
  void give_place_back() {
    const auto client = client_.lock();
    if (client != nullptr && client->own_handler() == nullptr) client->set_own_handler(stay_);
    stay_.reset();
  }

  std::shared_ptr<PinnedStay> stay_;
  std::weak_ptr<Client> client_;
  SlotHandle slot_;
  std::string early_;
};

/// An EXEC that succeeded, while hawser's own answers are gathered for it. It does not depend on
/// the connection any more.
struct PinnedStay::Exec {
  std::shared_ptr<PinnedStay> stay;
  std::weak_ptr<Client> client;
  SlotHandle slot;
  std::string reply;
  Steps left;
  std::map<std::size_t, std::string> elements;
};

PinnedStay::~PinnedStay() {
  if (lease_ != nullptr) lease_->set_holder(nullptr);
}

Taken PinnedStay::handle(Client& client, Request& request) {
  const auto self = shared_from_this();
  const Action action = action_of(request);
  if (has_name(request, "quit") && !request.denied) return parts_.ordinary.handle(client, request);
  // Behind a blocking command nothing can run: its time begins when it can.
  if (state_.is_awaited() || blocking_ > 0) return Taken::later;
  if (has_name(request, "reset") && request.command->accepts(request.argc()) && !request.denied) {
    return client.unsettled() > 0 ? Taken::later : parts_.ordinary.handle(client, request);
  }
  const bool is_alone = client.unanswered() == 0 && request.following.empty();
  if (state_.forget_told(action, request.arrived, is_alone,
                         parts_.upstream.settings().timeout.total)) {
    leave_if_free();
    if (state_.is_over()) return parts_.ordinary.handle(client, request);
  }
  if (state_.is_refusing()) return refuse_until_end(request, action);
  if (state_.is_watch_lost() && !request.denied) {
    if (answer_after_loss(request, action)) return Taken::yes;
    if (lease_ == nullptr && is_blocking(request) && request.command->accepts(request.argc())) {
      return lend_place(request);
    }
    if (lease_ == nullptr && !needs_connection(request)) {
      return parts_.ordinary.handle(client, request);
    }
  }
  if (deny(request)) return Taken::yes;
  // What is published may be hawser's to do; who is subscribed it knows better.
  const bool is_hawsers = action == Action::stand_in || has_name(request, "publish") ||
                          has_name(request, "pubsub|numsub") ||
                          has_name(request, "pubsub|shardnumsub") ||
                          (asks_for_commands(request) && !needs_connection(request));
  if (is_hawsers && !state_.will_queue()) return parts_.ordinary.handle(client, request);
  const bool backlog = lease_ != nullptr &&
                       lease_->lane().queued_bytes() > parts_.upstream.settings().lanes.max_bytes;
  if (backlog && client.unanswered() > 0) return Taken::later;
  // What hawser did for it meanwhile may be on its way elsewhere.
  const bool in_order =
      lease_ == nullptr ? client.unsettled() == 0 : client.may_go_to(&parts_.upstream.pinned());
  if (!in_order) return Taken::later;
  client.set_route(&parts_.upstream.pinned());
  if (action == Action::exec && state_.must_abort()) {
    exec_denied(request);
  } else {
    send(request, action);
  }
  return Taken::yes;
}

/// Answers what hawser does not let through: commands that are refused anywhere, and such as would
/// change more than the transaction, or turn the connection into a stream. Those that only a
/// transaction cannot hold are refused in Redis' words. EXEC ends the transaction even so.
bool PinnedStay::deny(Request& request) {
  const bool refused = is_refused(request);
  if (refused && has_name(request, "exec") && state_.will_queue()) {
    state_.on_denied();
    return false;
  }
  if (!refused && state_.will_queue() && is_never_queued(request)) {
    state_.on_denied();
    client_.open_slot(request).complete(refusal_to_queue(*request.command, request.argc()));
    return true;
  }
  const bool changes_connection = state_.will_queue() ? has_name(request, "client|reply") ||
                                                            has_name(request, "client|tracking")
                                                      : has_name(request, "monitor");
  if (!refused && (!changes_connection || !request.command->accepts(request.argc()))) return false;
  state_.on_denied();
  if (refused) {
    parts_.ordinary.handle(client_, request);
  } else {
    client_.open_slot(request).fail(Failure::denied);
  }
  return true;
}

void PinnedStay::send(Request& request, Action action) {
  const auto target = redirection_of(request);
  if (target && parts_.redirect_target(*target) == 0) {
    client_.open_slot(request).complete(kNoTarget);
    leave_if_free();
    return;
  }
  const bool starts_tracking =
      has_name(request, "client|tracking") && request.argc() > 2 && is_word(request.arg(2), "on");
  if (lease_ != nullptr && starts_tracking && !lease_->keep_for_life()) {
    client_.open_slot(request).fail(Failure::full_pinned);
    return;
  }
  state_.on_sent(action, is_known(request, action));
  if (lease_ == nullptr) {
    acquire(request, action);
  } else {
    submit(request, action, client_.open_slot(request));
  }
}

void PinnedStay::submit(const Request& request, Action action, SlotHandle slot) {
  flushes_scripts_ = flushes_scripts_ || has_name(request, "script|flush");
  if (flushes_scripts_) parts_.upstream.forget_scripts();
  std::string scratch;
  std::string_view bytes = request.wire(scratch);
  std::string tagged;
  if (parts_.rules != nullptr && parts_.rules->rewrite_queued(client_, request, tagged)) {
    bytes = tagged;
    slot = parts_.rules->watch_rewritten(client_, std::move(slot));
  }
  if (action == Action::stand_in) bytes = kStandIn;
  if (const auto target = redirection_of(request)) {
    scratch = redirect_to(request, parts_.redirect_target(*target));
    bytes = scratch;
  }
  Step step{action, {}};
  if (action == Action::stand_in || action == Action::context || action == Action::tracking) {
    step.request = std::make_shared<const StoredRequest>(request);
  }
  // Inside a transaction nothing blocks.
  const auto blocked_until =
      state_.will_queue()
          ? std::nullopt
          : blocking_deadline(request, parts_.upstream.loop().now(), kBlockingGrace);
  const TimePoint deadline =
      blocked_until.value_or(parts_.upstream.deadline_of(class_of(request), request.arrived));
  step.blocks = blocked_until.has_value();
  if (step.blocks && blocking_++ == 0) blocked_.emplace(parts_.blocked, client_.id(), *this);
  auto* tap = new Tap(weak_from_this(), std::move(step), std::move(slot));
  lease_->lane().submit({.bytes = bytes,
                         .slot = SlotHandle(*tap, 0),
                         .deadline = deadline,
                         .command_class = class_of(request)});
}

/// The first request waits for the connection, and the client with it.
void PinnedStay::acquire(Request& request, Action action) {
  if (!parts_.upstream.circuit().allows()) {
    parts_.upstream.refuse(client_.open_slot(request));
    on_no_connection(action);
    return;
  }
  auto stored = std::make_shared<const StoredRequest>(request);
  auto slot = std::make_shared<SlotHandle>(client_.open_slot(request));
  client_.set_route(&parts_.upstream.pinned());
  client_.pause();
  parts_.upstream.pinned().acquire(
      {.context = client_.context(),
       .deadline = request.arrived + parts_.upstream.settings().timeout.total,
       .for_life = action == Action::tracking,
       .cancelled = weak_from_this()},
      [this, stored, slot, action](PinnedPool::Acquired got) {
        const auto self = shared_from_this();
        if (got.lease != nullptr) {
          lease_ = std::move(got.lease);
          lease_->set_holder(this);
          submit(stored->view(), action, std::move(*slot));
        } else {
          if (got.error.empty()) {
            slot->fail(got.failure);
          } else {
            slot->complete(got.error);
          }
          on_no_connection(action);
        }
        client_.resume();
      });
}

/// What follows a MULTI that failed must not be executed outside a transaction, and what follows a
/// WATCH that failed not unguarded.
void PinnedStay::on_no_connection(Action action) {
  state_.on_not_sent(action, parts_.upstream.loop().now());
  leave_if_free();
}

/// EXEC of a transaction in which a command was denied: one that Redis does not take either makes
/// it abort, whatever the user may run.
void PinnedStay::exec_denied(const Request& exec) {
  state_.on_sent(Action::exec, true);
  auto* tap = new Tap(weak_from_this(), {Action::exec, {}}, client_.open_slot(exec));
  lease_->lane().submit_block(
      {.bytes = kAbortingExec,
       .slot = SlotHandle(*tap, 0),
       .deadline = parts_.upstream.deadline_of(class_of(exec), exec.arrived),
       .command_class = class_of(exec)},
      2, 1);
}

/// The transaction cannot be carried out any more, which its end will say.
Taken PinnedStay::refuse_until_end(Request& request, Action action) {
  if (is_refused(request) && action != Action::exec) {
    return parts_.ordinary.handle(client_, request);
  }
  client_.open_slot(request).complete(action == Action::discard ? "+OK\r\n" : kAborted);
  if (action == Action::exec || action == Action::discard) {
    state_.on_loss_ended();
    leave_if_free();
  }
  return Taken::yes;
}

/// Keys are not watched any more: a transaction that builds on them must not happen. Returns
/// whether the request is one for which that makes a difference.
bool PinnedStay::answer_after_loss(Request& request, Action action) {
  switch (action) {
    case Action::multi:
      state_.on_multi_refused(parts_.upstream.loop().now());
      client_.open_slot(request).complete(kAborted);
      return true;
    case Action::watch:
      // Whatever becomes of these keys, the transaction will not happen.
      client_.open_slot(request).complete("+OK\r\n");
      return true;
    case Action::unwatch:
      client_.open_slot(request).complete("+OK\r\n");
      state_.on_loss_ended();
      leave_if_free();
      return true;
    default:
      return false;
  }
}

/// Whether the request cannot go over a connection that is shared. Its usual handler would take the
/// place of this stay, which must not be forgotten.
bool PinnedStay::needs_connection(const Request& request) const {
  const protocol::Command* row = request.command;
  if (row == nullptr || is_blocking(request)) return true;
  if (request.raw.size() > parts_.upstream.settings().lanes.large_request) return true;
  if (row->name == "exec" || row->name == "discard") return false;
  if (protocol::has_subcommands(*row) && request.argc() > 1) return row->name != "client";
  return row->accepts(request.argc()) && row->treatment == protocol::Treatment::pinned;
}

/// A blocking command has a handler of its own, which also waits for Redis to come back.
Taken PinnedStay::lend_place(Request& request) {
  const SinkPtr<Passage> passage(new Passage(shared_from_this()));
  client_.capture(passage.get());
  const Taken taken = parts_.ordinary.handle(client_, request);
  client_.capture(nullptr);
  if (taken == Taken::yes) passage->set_slot(client_.open_slot(request));
  return taken;
}

void PinnedStay::on_done(const Step& step) {
  if (step.blocks && --blocking_ == 0) blocked_.reset();
}

void PinnedStay::on_reply(const Step& step, SlotHandle slot, Reply reply) {
  const auto self = shared_from_this();
  on_done(step);
  const auto place = state_.on_reply(step.action, reply.bytes);
  if (place && step.request != nullptr) specials_.emplace(*place, step);
  if (step.action == Action::multi && reply.bytes.starts_with('+')) specials_.clear();
  if (step.action == Action::exec) {
    on_exec(std::move(slot), reply);
    return;
  }
  std::string own;
  if (!place && step.action == Action::context) own = take_over(*step.request, reply.bytes);
  if (!place && step.action == Action::tracking) {
    own = name_redirection(step.request->name(), reply.bytes, redirect_);
    if (step.request->name() == "client|tracking" && reply.bytes.starts_with('+')) {
      const Request words = step.request->view();
      state_.set_tracking(is_word(words.arg(2), "on"));
      redirect_ = redirection_of(words).value_or(0);
    }
  }
  if (!place && step.action == Action::stand_in && reply.bytes.starts_with('+')) {
    // There was no transaction after all: it is to be answered now.
    auto held = std::make_shared<SlotHandle>(std::move(slot));
    answer_by_hawser(*step.request, [held](const std::string& text) { held->complete(text); });
    leave_if_free();
    return;
  }
  // First the connection, then the reply: the client's next request may need one at once.
  leave_if_free();
  if (own.empty()) {
    slot.complete(reply);
  } else {
    slot.complete(own);
  }
}

void PinnedStay::on_exec(SlotHandle slot, Reply reply) {
  Steps specials;
  specials.swap(specials_);
  const bool happened = reply.bytes.starts_with('*') && !reply.bytes.starts_with("*-1");
  if (!specials.empty() && happened) {
    auto exec = std::make_shared<Exec>();
    exec->stay = shared_from_this();
    exec->client = client_.weak_from_this();
    exec->slot = std::move(slot);
    exec->reply = reply.bytes;
    exec->left = std::move(specials);
    continue_exec(exec);
    return;
  }
  state_.on_exec_done();
  leave_if_free();
  slot.complete(reply);
}

/// The state of the client moves with the transaction's success; hawser's own answers are asked for
/// one after the other and put in their places.
void PinnedStay::continue_exec(const std::shared_ptr<Exec>& exec) {
  const auto self = shared_from_this();
  while (!exec->left.empty()) {
    const auto [place, step] = *exec->left.begin();
    exec->left.erase(exec->left.begin());
    if (step.action == Action::stand_in) {
      answer_by_hawser(*step.request, [exec, at = place](std::string answer) {
        exec->elements[at] = std::move(answer);
        if (exec->client.lock() != nullptr) exec->stay->continue_exec(exec);
      });
      return;
    }
    const std::string_view element = element_of(exec->reply, place, parts_.upstream.limits());
    std::string own = step.action == Action::context
                          ? take_over(*step.request, element)
                          : name_redirection(step.request->name(), element, redirect_);
    if (!own.empty()) exec->elements[place] = std::move(own);
  }
  state_.on_exec_done();
  leave_if_free();
  exec->slot.complete(splice(exec->reply, exec->elements, parts_.upstream.limits()));
}

/// `done` is called now or later.
void PinnedStay::answer_by_hawser(const StoredRequest& request,
                                  std::function<void(std::string)> done) {
  Request view = request.view();
  const SinkPtr<Answer> sink(new Answer(std::move(done)));
  client_.capture(sink.get());
  parts_.ordinary.handle(client_, view);
  client_.capture(nullptr);
}

/// The client takes over what its connection has become. Returns the reply in hawser's words, or
/// nothing if Redis' are right.
std::string PinnedStay::take_over(const StoredRequest& request, std::string_view reply) {
  if (reply.starts_with('-') || reply.starts_with('!')) return {};
  const Request words = request.view();
  Context context = client_.context();
  const auto log_in = [&](const Users::Login& login) {
    if (login.user.empty()) return;  // Lanes have no name for who has none.
    context.user = parts_.upstream.users().accept(login, parts_.upstream.loop().now());
  };
  std::string own;
  if (request.name() == "select") {
    context.database = static_cast<std::uint32_t>(to_number(words.arg(1)));
  } else if (request.name() == "auth") {
    const bool names_user = words.argc() == 3;
    log_in({names_user ? words.arg(1) : "default", words.arg(words.argc() - 1), names_user});
  } else {
    if (words.argc() > 1) {
      context.resp = words.arg(1) == "3" ? RespVersion::resp3 : RespVersion::resp2;
    }
    for (std::size_t i = 2; i + 1 < words.argc();) {
      const bool is_auth = is_word(words.arg(i), "auth") && i + 2 < words.argc();
      if (is_auth) {
        log_in({words.arg(i + 1), words.arg(i + 2)});
      } else {
        client_.set_name(words.arg(i + 1));
      }
      i += is_auth ? 3 : 2;
    }
    own = hello_reply(context.resp, parts_.upstream.server_version(), client_.id());
  }
  client_.set_context(context);
  return own;
}

void PinnedStay::on_streamed(const Step& step) {
  const auto self = shared_from_this();
  on_done(step);
  state_.on_reply(step.action, {});
  if (step.action == Action::exec) state_.on_exec_done();
  leave_if_free();
}

/// No reply, or too late: what the connection holds is not known any more.
void PinnedStay::on_failed(const Step& step) {
  const auto self = shared_from_this();
  on_done(step);
  state_.on_failed(step.action, parts_.upstream.loop().now());
  if (lease_ == nullptr) {
    leave_if_free();
    return;
  }
  const auto closed_with_the_lease = std::move(lease_);
  closed_with_the_lease->set_holder(nullptr);
  on_lease_lost({});
}

void PinnedStay::on_lease_lost(const LaneEnd& /*end*/) {
  const auto self = shared_from_this();
  lease_.reset();
  specials_.clear();
  state_.on_lost(parts_.upstream.loop().now());
  // What it cached is stale from now on, and only a loss of its own tells the client.
  if (state_.is_tracking()) client_.close_after_replies();
  leave_if_free();
}

void PinnedStay::on_lease_push(std::string_view frame) {
  client_.push(frame);
}

/// Lets go of the connection when nothing of the client is left on it; ends the stay if nothing is
/// left to tell the client either.
void PinnedStay::leave_if_free() {
  if (!state_.is_free()) return;
  const auto self = shared_from_this();
  if (lease_ != nullptr && state_.is_clean() && !is_asked_about_) lease_->give_back();
  const auto closed_unless_given_back = std::move(lease_);
  state_.on_let_go();
  is_asked_about_ = flushes_scripts_ = false;
  if (state_.is_over() && client_.own_handler().get() == this) client_.set_own_handler(nullptr);
}

}  // namespace hawser
