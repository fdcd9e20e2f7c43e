#include "proxy/pubsub/feed.hpp"

#include <algorithm>

namespace hawser {

namespace {

/// Memory for the messages of one turn; a larger message has its own.
constexpr std::size_t kFanOutBytes = std::size_t{64} << 10;
/// Where clients are told of a gap, if that is the gap action.
constexpr std::string_view kGapChannel = "__hawser__:gap";

}  // namespace

Feed::Feed(Upstream& upstream, PubSubStats& stats, UserId user)
    : upstream_(upstream),
      stats_(stats),
      lane_(upstream.subscriber_lane(user, *this)),
      deadline_(upstream.loop(), [this] { on_deadline(); }),
      idle_(upstream.loop(), [this] { on_idle(); }) {}

Feed::~Feed() {
  upstream_.loop().withdraw(*this);
}

void Feed::subscribe(const std::shared_ptr<Subscriber>& subscriber, TopicKind kind,
                     const std::vector<std::string>& names, SlotHandle slot, TimePoint deadline) {
  Join join{subscriber, {}, std::move(slot), deadline};
  subscriber->client().pause();
  for (const std::string& name : names) {
    Topic& topic = topics_.want(kind, name);
    ++topic.joining;
    topics_.settle(topic);
    join.topics.push_back(&topic);
  }
  joins_.push_back(std::move(join));
  deadline_.set_no_later_than(deadline);
  flush();
  finish_confirmed();
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
  topics_.on_lost();
  lane_->close();
}

void Feed::finish_confirmed() {
  for (auto it = joins_.begin(); it != joins_.end();) {
    const auto join = it++;
    if (!std::all_of(join->topics.begin(), join->topics.end(),
                     [](const Topic* topic) { return topic->is_confirmed(); })) {
      continue;
    }
    Join done = std::move(*join);
    joins_.erase(join);
    finish(std::move(done));
  }
}

void Feed::finish(Join join) {
  const auto subscriber = join.subscriber.lock();
  std::string acknowledgements;
  bool wants_state = false;
  for (Topic* topic : join.topics) {
    --topic->joining;
    if (subscriber == nullptr) {
      topics_.settle(*topic);
      continue;
    }
    if (subscriber->add(*this, *topic)) stats_.subscriptions.add(1);
    wants_state |= topic->is_local;
    write_acknowledgement(acknowledgements, subscriber->client().context().resp,
                          kTopicWords[static_cast<std::size_t>(topic->kind)].subscribe, topic->name,
                          subscriber->count_for(topic->kind));
  }
  flush();
  if (subscriber == nullptr) {
    join.slot.abandon();
    return;
  }
  join.slot.complete(acknowledgements);
  if (wants_state) tell_state(subscriber->client(), upstream_.circuit().state());
  subscriber->client().resume();
}

void Feed::fail(Join join, std::string_view error, Failure failure) {
  for (Topic* topic : join.topics) {
    --topic->joining;
    topics_.settle(*topic);
  }
  flush();
  const auto subscriber = join.subscriber.lock();
  if (error.empty()) {
    join.slot.fail(failure);
  } else {
    join.slot.complete(error);
  }
  if (subscriber != nullptr) subscriber->client().resume();
}

/// Fails every join, or those that want the topic `of`.
void Feed::fail_all(std::string_view error, Failure failure, const Topic* of) {
  Joins failed;
  for (auto it = joins_.begin(); it != joins_.end();) {
    const auto join = it++;
    if (of != nullptr &&
        std::find(join->topics.begin(), join->topics.end(), of) == join->topics.end()) {
      continue;
    }
    failed.splice(failed.end(), joins_, join);
  }
  for (Join& join : failed) fail(std::move(join), error, failure);
}

void Feed::on_deadline() {
  const TimePoint now = upstream_.loop().now();
  Joins late;
  for (auto it = joins_.begin(); it != joins_.end();) {
    const auto join = it++;
    if (join->deadline <= now) late.splice(late.end(), joins_, join);
  }
  for (const Join& join : joins_) deadline_.set_no_later_than(join.deadline);
  // Whatever became of the question, the client is not subscribed: nothing was done for it.
  for (Join& join : late) fail(std::move(join), {}, Failure::down);
}

void Feed::leave(Topic& topic, const Subscriber& subscriber) {
  stats_.subscriptions.add(-1);
  const auto found = std::find(topic.members.begin(), topic.members.end(), &subscriber);
  if (topic.is_handing_out) {
    *found = nullptr;
    return;
  }
  *found = topic.members.back();
  topic.members.pop_back();
  topics_.settle(topic);
  flush();
}

bool Feed::is_subscribed(TopicKind kind, std::string_view name) {
  const Topic* topic = topics_.find(kind, name);
  return topic != nullptr && topic->is_confirmed();
}

std::size_t Feed::members(TopicKind kind, std::string_view name) {
  const Topic* topic = topics_.find(kind, name);
  return topic == nullptr ? 0 : topic->members.size();
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
  topics_.for_each([this](Topic& topic) {
    if (topic.is_local) return;
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
  fail_all(error, Failure::down, nullptr);
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
      hand_out(frame, bytes);
      return;
    case PubSubFrame::Type::invalidation:
      invalidate(bytes);
      return;
    case PubSubFrame::Type::other:
      return;
    case PubSubFrame::Type::subscribed:
    case PubSubFrame::Type::unsubscribed:
    case PubSubFrame::Type::error:
      break;
  }
  const Topics::Answer answer = topics_.take_acknowledgement(frame);
  if (answer.topic == nullptr) return;
  Topic& topic = *answer.topic;
  topic.is_held = true;
  if (answer.refused) {
    refuse_members(topic);
    fail_all(bytes, Failure::down, &topic);
  }
  finish_confirmed();
  topic.is_held = false;
  topics_.settle(topic);
  flush();
  if (topics_.all_answered()) on_all_answered();
}

/// The user has lost the right to a topic: who still counted on it is closed.
void Feed::refuse_members(Topic& topic) {
  std::vector<std::shared_ptr<Client>> clients;
  for (Subscriber* member : topic.members) clients.push_back(member->client().shared_from_this());
  for (const auto& client : clients) client->abort("subscription refused by the upstream");
}

void Feed::hand_out(const PubSubFrame& frame, std::string_view bytes) {
  stats_.received.add();
  Topic* topic = topics_.find(frame.kind, frame.topic);
  if (topic == nullptr) return;
  std::array<std::string_view, 2> variants;
  const TimePoint now = upstream_.loop().now();
  topic->is_handing_out = true;
  for (std::size_t i = 0; i < topic->members.size(); ++i) {
    Subscriber* member = topic->members[i];
    if (member == nullptr) continue;
    const bool resp3 = member->client().context().resp == RespVersion::resp3;
    std::string_view& variant = variants[resp3 ? 1 : 0];
    std::shared_ptr<Block>& block = fan_out_[resp3 ? 1 : 0];
    if (variant.empty()) {
      if (block == nullptr || block->room() < bytes.size()) {
        block = std::shared_ptr<Block>(
            upstream_.loop().blocks().take(std::max(kFanOutBytes, bytes.size())));
        upstream_.loop().at_turn_end(*this);
      }
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
  topic->is_handing_out = false;
  if (std::erase(topic->members, nullptr) > 0) {
    topics_.settle(*topic);
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
  fail_all({}, Failure::down, nullptr);
}

}  // namespace hawser
