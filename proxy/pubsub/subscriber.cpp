#include "proxy/pubsub/subscriber.hpp"

#include "proxy/pubsub/feed.hpp"

namespace hawser {

Subscriber::~Subscriber() {
  for (auto& names : topics_) {
    for (auto& [name, place] : names) place.feed->leave(*place.topic, *this, place.is_leaving);
  }
}

Subscriptions::Counts Subscriber::counts() const {
  return {topics_[0].size(), topics_[1].size(), topics_[2].size()};
}

std::size_t Subscriber::count_for(TopicKind kind) const {
  return kind == TopicKind::shard_channel ? topics_[2].size()
                                          : topics_[0].size() + topics_[1].size();
}

bool Subscriber::add(Feed& feed, Topic& topic) {
  const auto [place, added] =
      topics_[static_cast<std::size_t>(topic.kind)].try_emplace(topic.name, Place{&feed, &topic});
  if (added) topic.members.push_back(this);
  return added;
}

std::string Subscriber::leave(TopicKind kind, const std::vector<std::string>& names) {
  const std::string_view word = kTopicWords[static_cast<std::size_t>(kind)].unsubscribe;
  const RespVersion resp = client_.context().resp;
  std::string acknowledgements;
  for (const std::string& name : names) {
    remove(kind, name);
    write_acknowledgement(acknowledgements, resp, word, name, count_for(kind));
  }
  if (names.empty()) write_acknowledgement(acknowledgements, resp, word, {}, count_for(kind));
  return acknowledgements;
}

void Subscriber::acknowledge(SlotHandle slot, std::string_view acknowledgements, bool in_exec) {
  if (in_exec) {
    slot.complete(acknowledgements);
    return;
  }
  slot.complete(std::string_view());
  client_.push(acknowledgements);
}

void Subscriber::remove(TopicKind kind, std::string_view name) {
  auto& names = topics_[static_cast<std::size_t>(kind)];
  const auto found = names.find(name);
  if (found == names.end()) return;
  const Place place = found->second;
  names.erase(found);
  place.feed->leave(*place.topic, *this, place.is_leaving);
}

Feed* Subscriber::feed_of(TopicKind kind, std::string_view name) const {
  const auto& names = topics_[static_cast<std::size_t>(kind)];
  const auto found = names.find(name);
  return found == names.end() ? nullptr : found->second.feed;
}

void Subscriber::begin_leaving(TopicKind kind, std::string_view name) {
  auto& names = topics_[static_cast<std::size_t>(kind)];
  const auto found = names.find(name);
  if (found == names.end() || found->second.is_leaving) return;
  found->second.is_leaving = true;
  found->second.feed->begin_leaving(*found->second.topic);
}

std::vector<std::string> Subscriber::names(TopicKind kind) const {
  std::vector<std::string> all;
  for (const auto& [name, place] : topics_[static_cast<std::size_t>(kind)]) all.emplace_back(name);
  return all;
}

bool Subscriber::deliver(const std::shared_ptr<Block>& source, std::string_view frame,
                         TimePoint now) {
  if (now != turn_) {
    turn_ = now;
    is_behind_ = client_.queued_output() > 0;
  }
  if (is_behind_ && frame.size() < BlockPool::kOrdinary) {
    client_.push(frame);
  } else {
    client_.push(source, frame);
  }
  const std::size_t queued = client_.queued_output();
  if (queued <= limits_.soft) {
    over_soft_since_ = {};
    return true;
  }
  if (over_soft_since_ == TimePoint{}) over_soft_since_ = now;
  return queued <= limits_.hard && now - over_soft_since_ < limits_.soft_time;
}

}  // namespace hawser
