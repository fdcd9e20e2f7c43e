#include "proxy/pubsub/topics.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>

namespace hawser {
namespace {

constexpr TopicKind kChannel = TopicKind::channel;

/// The words of the requests to send, in order; they count as sent.
std::string sent(Topics& topics) {
  const std::string bytes = std::exchange(topics.outgoing(), {});
  std::string words;
  for (std::size_t at = bytes.find("\r\n$"); at != std::string::npos;
       at = bytes.find("\r\n$", at + 1)) {
    const std::size_t word = bytes.find('\n', at + 3) + 1;
    words += (words.empty() ? "" : " ") + bytes.substr(word, bytes.find('\r', word) - word);
  }
  return words;
}

PubSubFrame ack(PubSubFrame::Type type, std::string_view name, TopicKind kind = kChannel) {
  return {type, kind, name};
}

class TopicsTest : public ::testing::Test {
 protected:
  Topic& join(std::string_view name, TopicKind kind = kChannel) {
    topics_.join(joins_.emplace_back(), kind, name);
    return *topics_.find(kind, name);
  }
  /// One of those who joined it gives up.
  void leave(Topic& topic) { topics_.part(*topic.joins.front()); }
  Topics topics_;
  std::deque<TopicJoin> joins_;  ///< They stay where they are.
};

TEST_F(TopicsTest, ATopicIsAskedForOnceHoweverManyWantIt) {
  topics_.on_open();
  Topic& topic = join("a");
  join("a");
  EXPECT_EQ(sent(topics_), "subscribe a");
  EXPECT_FALSE(topic.is_confirmed());
  EXPECT_EQ(topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a")).topic, &topic);
  EXPECT_TRUE(topic.is_confirmed());
  leave(topic);
  EXPECT_EQ(sent(topics_), "");
  leave(topic);
  EXPECT_EQ(sent(topics_), "unsubscribe a");
  EXPECT_EQ(topics_.size(), 1U);  // Until that is acknowledged.
  topics_.settle(*topics_.take_acknowledgement(ack(PubSubFrame::Type::unsubscribed, "a")).topic);
  EXPECT_EQ(topics_.size(), 0U);
  EXPECT_FALSE(topics_.wants_upstream());
}

TEST_F(TopicsTest, KindsOfOneNameAreTopicsOfTheirOwn) {
  topics_.on_open();
  join("a");
  join("a", TopicKind::pattern);
  join("a", TopicKind::shard_channel);
  EXPECT_EQ(sent(topics_), "subscribe a psubscribe a ssubscribe a");
  EXPECT_EQ(topics_.size(), 3U);
}

TEST_F(TopicsTest, OneWhoComesWhileTheLastLeavesWaitsForANewAcknowledgement) {
  topics_.on_open();
  Topic& topic = join("a");
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a"));
  leave(topic);
  EXPECT_EQ(&join("a"), &topic);
  EXPECT_EQ(sent(topics_), "subscribe a unsubscribe a subscribe a");
  topics_.take_acknowledgement(ack(PubSubFrame::Type::unsubscribed, "a"));
  EXPECT_FALSE(topic.is_confirmed());
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a"));
  EXPECT_TRUE(topic.is_confirmed());
}

TEST_F(TopicsTest, ARefusalBelongsToTheFirstQuestion) {
  topics_.on_open();
  Topic& first = join("a");
  Topic& second = join("b");
  const auto answer = topics_.take_acknowledgement(ack(PubSubFrame::Type::error, ""));
  EXPECT_EQ(answer.topic, &first);
  EXPECT_TRUE(answer.refused);
  EXPECT_FALSE(first.is_confirmed());
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "b"));
  EXPECT_TRUE(second.is_confirmed());
}

TEST_F(TopicsTest, AfterALossAllThatIsWantedIsAskedForAgain) {
  Topic& topic = join("a");
  EXPECT_EQ(sent(topics_), "");  // There is no connection yet.
  topics_.on_open();
  EXPECT_EQ(sent(topics_), "subscribe a");
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a"));
  topics_.on_lost();
  EXPECT_FALSE(topic.is_confirmed());
  topics_.on_open();
  EXPECT_EQ(sent(topics_), "subscribe a");
  EXPECT_FALSE(topics_.all_answered());
}

TEST_F(TopicsTest, AJoinIsConfirmedWithTheLastOfItsTopics) {
  topics_.on_open();
  TopicJoin both, other;
  topics_.join(both, kChannel, "a");
  topics_.join(both, kChannel, "b");
  topics_.join(other, kChannel, "b");
  EXPECT_EQ(both.unconfirmed, 2U);
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a"));
  EXPECT_EQ(both.unconfirmed, 1U);
  EXPECT_EQ(other.unconfirmed, 1U);
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "b"));
  EXPECT_EQ(both.unconfirmed, 0U);
  EXPECT_EQ(other.unconfirmed, 0U);
  TopicJoin later;
  topics_.join(later, kChannel, "a");
  EXPECT_EQ(later.unconfirmed, 0U);
}

TEST_F(TopicsTest, WhatAJoinHadConfirmedIsUnconfirmedAfterALoss) {
  topics_.on_open();
  TopicJoin join;
  topics_.join(join, kChannel, "a");
  topics_.join(join, kChannel, "b");
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a"));
  topics_.on_lost();
  EXPECT_EQ(join.unconfirmed, 2U);
  topics_.on_open();
  // The new connection asks for them in an order of its own.
  const bool a_first = sent(topics_).ends_with("subscribe a subscribe b");
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, a_first ? "a" : "b"));
  EXPECT_EQ(join.unconfirmed, 1U);
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, a_first ? "b" : "a"));
  EXPECT_EQ(join.unconfirmed, 0U);
}

TEST_F(TopicsTest, ATopicNamedTwiceInOneJoinIsAskedForAndLeftOnce) {
  topics_.on_open();
  TopicJoin join;
  topics_.join(join, kChannel, "a");
  topics_.join(join, kChannel, "a");
  EXPECT_EQ(sent(topics_), "subscribe a");
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a"));
  EXPECT_EQ(join.unconfirmed, 0U);
  topics_.part(join);
  EXPECT_EQ(sent(topics_), "unsubscribe a");
}

TEST_F(TopicsTest, ATopicOnlyThoseWhoLeaveHaveIsUnsubscribedAndKeptForTheirLastMessages) {
  topics_.on_open();
  Topic& topic = join("a");
  topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a"));
  topic.members.push_back(nullptr);
  leave(topic);
  EXPECT_EQ(sent(topics_), "subscribe a");
  ++topic.leaving;
  topics_.settle(topic);
  topics_.mark(7);
  EXPECT_EQ(sent(topics_), "unsubscribe a ping __hawser__:mark");
  topics_.settle(*topics_.take_acknowledgement(ack(PubSubFrame::Type::unsubscribed, "a")).topic);
  EXPECT_EQ(topics_.find(kChannel, "a"), &topic);
  EXPECT_EQ(topics_.take_acknowledgement(ack(PubSubFrame::Type::pong, "")).mark, 0U);
  EXPECT_EQ(topics_.take_acknowledgement(ack(PubSubFrame::Type::pong, kMark)).mark, 7U);
  topic.members.clear();
  --topic.leaving;
  topics_.settle(topic);
  EXPECT_EQ(topics_.size(), 0U);
}

TEST_F(TopicsTest, AMarkThatIsRefusedIsASignAllTheSame) {
  topics_.on_open();
  Topic& topic = join("a");
  topics_.mark(3);
  EXPECT_EQ(topics_.take_acknowledgement(ack(PubSubFrame::Type::subscribed, "a")).topic, &topic);
  const auto answer = topics_.take_acknowledgement(ack(PubSubFrame::Type::error, ""));
  EXPECT_EQ(answer.mark, 3U);
  EXPECT_EQ(answer.topic, nullptr);
  EXPECT_TRUE(topics_.all_answered());
}

TEST_F(TopicsTest, WhatNobodyAskedForIsIgnored) {
  topics_.on_open();
  EXPECT_EQ(topics_.take_acknowledgement(ack(PubSubFrame::Type::unsubscribed, "a")).topic, nullptr);
  Topic& topic = join("a");
  EXPECT_EQ(topics_.take_acknowledgement(ack(PubSubFrame::Type::unsubscribed, "a")).topic, nullptr);
  EXPECT_EQ(topic.unacknowledged, 1U);
}

}  // namespace
}  // namespace hawser
