#include "proxy/pubsub/feed.hpp"

#include <algorithm>
#include <utility>

namespace hawser {

namespace {

/// Where clients are told of a gap, if that is the gap action.
constexpr std::string_view kGapChannel = "__hawser__:gap";
/// How long after it was refused a connection that nobody wants any more is given up.
constexpr auto kRefusedIdle = std::chrono::milliseconds(500);

}  // namespace

Feed::Feed(Upstream& upstream, PubSubStats& stats, UserId user, ChannelWatch* watch)
    : upstream_(upstream),
      stats_(stats),
      watch_(watch),
      lane_(upstream.subscriber_lane(user, *this)),
      deadline_(upstream.loop(), [this] { on_deadline(); }),
      idle_(upstream.loop(), [this] { on_idle(); }) {}

Feed::~Feed() {
  upstream_.loop().withdraw(*this);
}

void Feed::subscribe(const std::shared_ptr<Subscriber>& subscriber, TopicKind kind,
                     const std::vector<std::string>& names, SlotHandle slot, TimePoint deadline) {
  const std::uint64_t number = ++last_number_;
  Join& join = joins_[number];
  join.wanted.number = number;
  join.subscriber = subscriber;
  join.slot = std::move(slot);
  join.deadline = deadline;
  join.in_exec = subscriber->client().is_captured();
  subscriber->client().pause();
  for (const std::string& name : names) topics_.join(join.wanted, kind, name);
  deadline_.set_no_later_than(deadline);
  flush();
  finish(number);
}

/// Sends what is to be asked.
void Feed::flush() {
  stats_.channels.set(static_cast<std::int64_t>(topics_.size()));
  if (!topics_.wants_upstream() && topics_.outgoing().empty()) {
    if (!idle_.is_set()) idle_.set(upstream_.loop().now() + upstream_.settings().contexts.idle);
    return;
  }
  idle_.cancel();
  if (!lane_->is_open()) {
    lane_->ensure_open();
    return;
  }
  if (topics_.outgoing().empty()) return;
  lane_->send(topics_.outgoing(), upstream_.loop().now() + upstream_.settings().timeout.command);
  topics_.outgoing().clear();
}

/// Nobody has subscribed to anything for a while.
void Feed::on_idle() {
  finish_leaves();
  topics_.for_each([this](Topic& topic) { end_stream(topic, false); });
  topics_.on_lost();
  lane_->close();
}

/// Finishes a join if all its topics are confirmed.
void Feed::finish(std::uint64_t join) {
  const auto found = joins_.find(join);
  if (found == joins_.end() || found->second.wanted.unconfirmed > 0) return;
  const auto done = joins_.extract(found);
  TopicJoin& wanted = done.mapped().wanted;
  const auto subscriber = done.mapped().subscriber.lock();
  if (subscriber == nullptr) {
    topics_.part(wanted);
    done.mapped().slot.abandon();
    flush();
    return;
  }
  std::string acknowledgements;
  bool wants_state = false;
  for (Topic* topic : wanted.topics) {
    if (subscriber->add(*this, *topic)) stats_.subscriptions.add(1);
    wants_state |= topic->is_local;
    write_acknowledgement(acknowledgements, subscriber->client().context().resp,
                          kTopicWords[static_cast<std::size_t>(topic->kind)].subscribe, topic->name,
                          subscriber->count_for(topic->kind));
  }
  topics_.part(wanted);
  flush();
  subscriber->acknowledge(std::move(done.mapped().slot), acknowledgements, done.mapped().in_exec);
  if (wants_state) tell_state(subscriber->client(), upstream_.circuit().state());
  subscriber->client().resume();
}

/// The answer to one may bring another, so they are called by their numbers.
void Feed::finish_confirmed(const Topic& topic) {
  std::vector<std::uint64_t> done;
  for (const TopicJoin* join : topic.joins) {
    if (join->unconfirmed == 0) done.push_back(join->number);
  }
  for (const std::uint64_t join : done) finish(join);
}

void Feed::fail(std::uint64_t join, std::string_view error, Failure failure) {
  const auto failed = joins_.extract(join);
  if (failed.empty()) return;
  topics_.part(failed.mapped().wanted);
  flush();
  const auto subscriber = failed.mapped().subscriber.lock();
  SlotHandle slot = std::move(failed.mapped().slot);
  if (error.empty()) {
    slot.fail(failure);
  } else {
    slot.complete(error);
  }
  if (subscriber != nullptr) subscriber->client().resume();
}

void Feed::fail_all(std::string_view error) {
  std::vector<std::uint64_t> failed;
  for (const auto& [number, join] : joins_) failed.push_back(number);
  for (const std::uint64_t join : failed) fail(join, error, Failure::down);
}

void Feed::on_deadline() {
  const TimePoint now = upstream_.loop().now();
  std::vector<std::uint64_t> late;
  std::vector<std::uint64_t> late_leaves;
  for (const auto& [number, join] : joins_) {
    if (join.deadline <= now) {
      late.push_back(number);
    } else {
      deadline_.set_no_later_than(join.deadline);
    }
  }
  for (const auto& [number, leave] : leaves_) {
    if (leave.deadline <= now) {
      late_leaves.push_back(number);
    } else {
      deadline_.set_no_later_than(leave.deadline);
    }
  }
  // Whatever became of the question, the client is not subscribed: nothing was done for it.
  for (const std::uint64_t join : late) fail(join, {}, Failure::down);
  for (const std::uint64_t leave : late_leaves) finish_leave(leave);
}

void Feed::unsubscribe(const std::shared_ptr<Subscriber>& subscriber, TopicKind kind,
                       std::vector<std::string> names, SlotHandle slot, TimePoint deadline) {
  const std::uint64_t number = ++last_number_;
  subscriber->client().pause();
  // What nobody else wants is unsubscribed upstream first: then the mark tells of that, too.
  for (const std::string& name : names) subscriber->begin_leaving(kind, name);
  topics_.mark(number);
  leaves_[number] = {subscriber, kind, std::move(names), std::move(slot), deadline};
  deadline_.set_no_later_than(deadline);
  flush();
}

void Feed::finish_leave(std::uint64_t leave) {
  const auto done = leaves_.extract(leave);
  if (done.empty()) return;
  const auto subscriber = done.mapped().subscriber.lock();
  if (subscriber == nullptr) {
    done.mapped().slot.abandon();
    return;
  }
  const std::string acknowledgements = subscriber->leave(done.mapped().kind, done.mapped().names);
  subscriber->acknowledge(std::move(done.mapped().slot), acknowledgements, false);
  subscriber->client().resume();
}

void Feed::finish_leaves() {
  while (!leaves_.empty()) finish_leave(leaves_.begin()->first);
}

void Feed::begin_leaving(Topic& topic) {
  ++topic.leaving;
  topics_.settle(topic);
  upstream_.loop().at_turn_end(*this);
}

/// A client may leave many topics at once: what that asks for is sent once a turn.
void Feed::leave(Topic& topic, const Subscriber& subscriber, bool was_leaving) {
  stats_.subscriptions.add(-1);
  if (was_leaving) --topic.leaving;
  upstream_.loop().at_turn_end(*this);
  const auto found = std::find(topic.members.begin(), topic.members.end(), &subscriber);
  if (topic.is_handing_out) {
    *found = nullptr;
    return;
  }
  *found = topic.members.back();
  topic.members.pop_back();
  topics_.settle(topic);
}

bool Feed::is_subscribed(TopicKind kind, std::string_view name) {
  const Topic* topic = topics_.find(kind, name);
  return topic != nullptr && topic->is_confirmed();
}

std::size_t Feed::members(TopicKind kind, std::string_view name) {
  const Topic* topic = topics_.find(kind, name);
  return topic == nullptr ? 0 : topic->members.size() - topic->leaving;
}

void Feed::on_subscriber_open() {
  topics_.on_open();
  flush();
  if (topics_.all_answered()) on_all_answered();
}

/// Everything that was to be subscribed is.
void Feed::on_all_answered() {
  tell_of_gap();
  upstream_.circuit().on_restored();
}

void Feed::on_subscriber_lost() {
  finish_leaves();
  topics_.for_each([this](Topic& topic) {
    if (topic.is_local) return;
    end_stream(topic, true);
    for (Subscriber* member : topic.members) {
      member->set_gap(true);
      has_gap_ = true;
    }
  });
  if (has_gap_) stats_.gaps.add();
  topics_.on_lost();
  flush();
}

void Feed::on_subscriber_refused(std::string_view error) {
  fail_all(error);
  if (is_login_refusal(error)) {
    // Redis would close its subscribers, too; kept, they would wait for messages for ever.
    refuse_members();
    has_gap_ = false;
    // Nobody is left to try again for. One who comes within a moment waits for the next attempt.
    if (!topics_.wants_upstream()) idle_.set(upstream_.loop().now() + kRefusedIdle);
  }
  upstream_.circuit().on_restored();  // There is nothing to wait for.
}

bool Feed::is_restored() {
  return !topics_.wants_upstream() || lane_->is_refused() ||
         (lane_->is_open() && topics_.all_answered());
}

void Feed::announce(const CircuitState& state) {
  const Topic* topic = topics_.find(TopicKind::channel, kStateChannel);
  if (topic == nullptr) return;
  for (Subscriber* member : topic->members) tell_state(member->client(), state);
}

void Feed::tell_state(Client& client, const CircuitState& state) {
  std::string message;
  write_message(message, client.context().resp, kStateChannel, to_json(state));
  client.push(message);
}

void Feed::on_subscriber_frame(std::string_view bytes) {
  const PubSubFrame frame = read_frame(bytes);
  switch (frame.type) {
    case PubSubFrame::Type::message:
      on_message(frame, bytes);
      return;
    case PubSubFrame::Type::invalidation:
      invalidate(bytes);
      return;
    case PubSubFrame::Type::other:
      return;
    case PubSubFrame::Type::subscribed:
    case PubSubFrame::Type::unsubscribed:
    case PubSubFrame::Type::pong:
    case PubSubFrame::Type::error:
      break;
  }
  const Topics::Answer answer = topics_.take_acknowledgement(frame);
  if (answer.mark != 0) {
    finish_leave(answer.mark);
  } else if (answer.topic != nullptr) {
    take_answer(*answer.topic, answer.refused, bytes);
  } else {
    return;
  }
  flush();
  if (topics_.all_answered()) on_all_answered();
}

void Feed::take_answer(Topic& topic, bool refused, std::string_view bytes) {
  // Between two subscriptions nobody counted on its messages.
  end_stream(topic, false);
  topic.is_held = true;
  if (refused) {
    // The user has lost the right to it: who still counted on it is closed.
    std::vector<std::shared_ptr<Client>> clients;
    for (Subscriber* member : topic.members) clients.push_back(member->client().shared_from_this());
    for (const auto& client : clients) client->abort("subscription refused by the upstream");
    std::vector<std::uint64_t> failed;
    for (const TopicJoin* join : topic.joins) failed.push_back(join->number);
    for (const std::uint64_t join : failed) fail(join, bytes, Failure::down);
  } else {
    finish_confirmed(topic);
  }
  topic.is_held = false;
  topics_.settle(topic);
}

/// The upstream does not let the user in any more: everybody who counted on it is closed.
void Feed::refuse_members() {
  std::vector<std::shared_ptr<Client>> clients;
  topics_.for_each([&](Topic& topic) {
    if (topic.is_local) return;
    for (Subscriber* member : topic.members) clients.push_back(member->client().shared_from_this());
  });
  for (const auto& client : clients) client->abort("the upstream refused the user");
}

/// Where a message lies for all who get it: a long one in a block of its own, which is kept for as
/// long as one of them has not taken it, the others of a turn together.
std::shared_ptr<Block> Feed::block_for(std::size_t size, bool resp3) {
  BlockPool& pool = upstream_.loop().blocks();
  if (size >= BlockPool::kOrdinary) return pool.take(size);
  std::shared_ptr<Block>& shared = fan_out_[resp3 ? 1 : 0];
  if (shared == nullptr || shared->room() < size) {
    shared = pool.take();
    upstream_.loop().at_turn_end(*this);
  }
  return shared;
}

/// Whether it is a message of the channel that is watched.
bool Feed::is_watched(const PubSubFrame& frame, std::string_view bytes) const {
  if (watch_ == nullptr || frame.kind == TopicKind::shard_channel) return false;
  if (frame.kind == TopicKind::channel) return frame.topic == watch_->channel();
  return read_message(bytes, frame.kind).channel == watch_->channel();
}

/// What becomes of a watched message. Each topic that brings them is asked about for itself: Redis
/// sends a message once for each.
ChannelVerdict Feed::judge(Topic& topic, std::string_view bytes) {
  if (topic.stream == 0) topic.stream = watch_->begin_stream();
  const ChannelVerdict verdict =
      watch_->on_message(topic.stream, read_message(bytes, topic.kind).payload);
  if (verdict != ChannelVerdict::gap || topic.members.empty()) return verdict;
  stats_.gaps.add();
  for (Subscriber* member : topic.members) member->set_gap(true);
  has_gap_ = true;
  return verdict;
}

void Feed::end_stream(Topic& topic, bool lost) {
  if (topic.stream != 0) watch_->end_stream(std::exchange(topic.stream, 0), lost);
}

void Feed::on_message(const PubSubFrame& frame, std::string_view bytes) {
  stats_.received.add();
  Topic* topic = topics_.find(frame.kind, frame.topic);
  if (topic == nullptr) return;
  if (!is_watched(frame, bytes)) {
    hand_out(*topic, bytes);
    return;
  }
  const ChannelVerdict verdict = judge(*topic, bytes);
  if (verdict == ChannelVerdict::repetition) return;
  hand_out(*topic, bytes);
  // Who has a gap is told by on_all_answered() otherwise, when nothing more can be missed.
  if (verdict == ChannelVerdict::gap && topics_.all_answered()) tell_of_gap();
}

void Feed::hand_out(Topic& topic, std::string_view bytes) {
  std::array<std::string_view, 2> variants;
  std::array<std::shared_ptr<Block>, 2> blocks;
  const TimePoint now = upstream_.loop().now();
  topic.is_handing_out = true;
  for (std::size_t i = 0; i < topic.members.size(); ++i) {
    Subscriber* member = topic.members[i];
    if (member == nullptr) continue;
    const bool resp3 = member->client().context().resp == RespVersion::resp3;
    std::string_view& variant = variants[resp3 ? 1 : 0];
    std::shared_ptr<Block>& block = blocks[resp3 ? 1 : 0];
    if (variant.empty()) {
      block = block_for(bytes.size(), resp3);
      char* place = block->space();
      block->append(bytes);
      *place = resp3 ? '>' : '*';  // The versions differ in nothing else.
      variant = {place, bytes.size()};
    }
    stats_.delivered.add();
    if (!member->deliver(block, variant, now)) {
      stats_.slow_clients_closed.add();
      member->client().abort("the subscriber did not keep up");
    }
  }
  topic.is_handing_out = false;
  if (std::erase(topic.members, nullptr) > 0) {
    topics_.settle(topic);
    flush();
  }
}

/// Everybody who listens to invalidations gets those of all: one too many does no harm.
void Feed::invalidate(std::string_view push) {
  const Topic* topic = topics_.find(TopicKind::channel, kInvalidations);
  if (topic == nullptr) return;
  for (Subscriber* member : topic->members) {
    const bool resp3 = member->client().context().resp == RespVersion::resp3;
    member->client().push(resp3 ? std::string(push) : invalidation_message(push));
  }
}

void Feed::on_turn_end() {
  fan_out_ = {};
  flush();
}

/// Everything is subscribed again; those who were subscribed when the connection was lost may have
/// missed messages.
void Feed::tell_of_gap() {
  // Who listens to the circuit is told of that first.
  if (!has_gap_ || !upstream_.circuit().allows()) return;
  has_gap_ = false;
  std::vector<std::shared_ptr<Client>> clients;
  topics_.for_each([&](Topic& topic) {
    for (Subscriber* member : topic.members) {
      if (!member->has_gap()) continue;
      member->set_gap(false);
      clients.push_back(member->client().shared_from_this());
    }
  });
  for (const auto& client : clients) {
    switch (upstream_.settings().pubsub.gap) {
      case config::GapAction::close:
        client->close_after_replies();
        break;
      case config::GapAction::notify: {
        std::string message;
        write_message(message, client->context().resp, kGapChannel, "upstream connection lost");
        client->push(message);
        break;
      }
      case config::GapAction::silent:
        break;
    }
  }
}

void Feed::close() {
  idle_.cancel();
  lane_->close();
  finish_leaves();
  fail_all({});
}

}  // namespace hawser
