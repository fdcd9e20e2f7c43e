#include "proxy/pubsub/topics.hpp"

#include <algorithm>

#include "protocol/request_parser.hpp"

namespace hawser {

namespace {

std::size_t index_of(TopicKind kind) {
  return static_cast<std::size_t>(kind);
}

}  // namespace

Topic* Topics::find(TopicKind kind, std::string_view name) {
  const auto& names = topics_[index_of(kind)];
  const auto found = names.find(name);
  return found == names.end() ? nullptr : found->second.get();
}

Topic& Topics::want(TopicKind kind, std::string_view name) {
  if (Topic* topic = find(kind, name)) return *topic;
  auto topic = std::make_unique<Topic>();
  topic->kind = kind;
  topic->name = name;
  topic->is_local = is_local_topic(kind, name);
  Topic& made = *topic;
  topics_[index_of(kind)].emplace(std::string_view(made.name), std::move(topic));
  return made;
}

void Topics::ask(Topic& topic, bool subscribe) {
  const TopicWords& words = kTopicWords[index_of(topic.kind)];
  protocol::append_command(outgoing_,
                           {subscribe ? words.subscribe : words.unsubscribe, topic.name});
  asked_.push_back({topic.kind, topic.name, subscribe, 0});
  topic.subscribed = subscribe;
  ++topic.unacknowledged;
}

void Topics::mark(std::uint64_t number) {
  protocol::append_command(outgoing_, {"ping", kMark});
  asked_.push_back({TopicKind::channel, {}, false, number});
}

void Topics::join(TopicJoin& join, TopicKind kind, std::string_view name) {
  Topic& topic = want(kind, name);
  join.topics.push_back(&topic);
  topic.joins.push_back(&join);
  settle(topic);
  if (!topic.is_confirmed()) ++join.unconfirmed;
}

void Topics::part(TopicJoin& join) {
  // A topic that was named twice knows the join twice, and is kept until the second time.
  for (Topic* topic : join.topics) {
    const auto found = std::find(topic->joins.begin(), topic->joins.end(), &join);
    *found = topic->joins.back();
    topic->joins.pop_back();
    settle(*topic);
  }
  join.topics.clear();
}

void Topics::settle(Topic& topic) {
  if (topic.is_held) return;
  const bool wanted = topic.is_wanted();
  if (topic.is_local) {
    topic.subscribed = wanted;
  } else if (open_ && wanted != topic.subscribed) {
    ask(topic, wanted);
  }
  if (topic.is_unused()) {
    auto& names = topics_[index_of(topic.kind)];
    const auto found = names.find(topic.name);
    const auto gone = std::move(found->second);  // Its name is the key, until it is erased.
    names.erase(found);
  }
}

Topics::Answer Topics::take_acknowledgement(const PubSubFrame& frame) {
  if (asked_.empty()) return {};
  const Asked& asked = asked_.front();
  const bool refused = frame.type == PubSubFrame::Type::error;
  if (asked.mark != 0) {
    if (!refused && (frame.type != PubSubFrame::Type::pong || frame.topic != kMark)) return {};
    const std::uint64_t number = asked.mark;
    asked_.pop_front();
    return {.mark = number};
  }
  const auto expected =
      asked.subscribe ? PubSubFrame::Type::subscribed : PubSubFrame::Type::unsubscribed;
  // Unasked for: a cluster moved the channel away.
  if (!refused && (frame.type != expected || frame.kind != asked.kind || frame.topic != asked.name))
    return {};
  Topic* topic = find(asked.kind, asked.name);
  const bool subscribe = asked.subscribe;
  asked_.pop_front();
  if (topic == nullptr) return {};
  --topic->unacknowledged;
  if (refused && subscribe && topic->unacknowledged == 0) topic->subscribed = false;
  if (topic->is_confirmed()) {
    for (TopicJoin* join : topic->joins) --join->unconfirmed;
  }
  return {.topic = topic, .refused = refused && subscribe};
}

void Topics::on_open() {
  open_ = true;
  for_each([this](Topic& topic) {
    if (topic.is_wanted() && !topic.is_local) ask(topic, true);
  });
}

void Topics::on_lost() {
  open_ = false;
  asked_.clear();
  outgoing_.clear();
  for (auto& names : topics_) {
    std::erase_if(names, [](auto& entry) {
      Topic& topic = *entry.second;
      if (topic.is_confirmed() && !topic.is_local) {
        for (TopicJoin* join : topic.joins) ++join->unconfirmed;
      }
      topic.subscribed = topic.is_local;
      topic.unacknowledged = 0;
      return topic.is_unused();
    });
  }
}

std::size_t Topics::size() const {
  return topics_[0].size() + topics_[1].size() + topics_[2].size();
}

}  // namespace hawser
