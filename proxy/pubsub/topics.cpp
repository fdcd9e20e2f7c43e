#include "proxy/pubsub/topics.hpp"

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
  asked_.push_back({topic.kind, topic.name, subscribe});
  topic.subscribed = subscribe;
  ++topic.unacknowledged;
}

void Topics::settle(Topic& topic) {
  if (topic.is_held) return;
  const bool wanted = !topic.members.empty() || topic.joining > 0;
  if (topic.is_local) {
    topic.subscribed = wanted;
  } else if (open_ && wanted != topic.subscribed) {
    ask(topic, wanted);
  }
  if (!wanted && topic.unacknowledged == 0) {
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
  return {topic, refused && subscribe};
}

void Topics::on_open() {
  open_ = true;
  for_each([this](Topic& topic) {
    const bool wanted = !topic.members.empty() || topic.joining > 0;
    if (wanted && !topic.is_local) ask(topic, true);
  });
}

void Topics::on_lost() {
  open_ = false;
  asked_.clear();
  outgoing_.clear();
  for (auto& names : topics_) {
    std::erase_if(names, [](auto& entry) {
      Topic& topic = *entry.second;
      topic.subscribed = topic.is_local;
      topic.unacknowledged = 0;
      return topic.members.empty() && topic.joining == 0;
    });
  }
}

std::size_t Topics::size() const {
  return topics_[0].size() + topics_[1].size() + topics_[2].size();
}

}  // namespace hawser
