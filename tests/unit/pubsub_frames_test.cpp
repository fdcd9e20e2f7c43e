#include "proxy/pubsub/frames.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using Type = PubSubFrame::Type;

TEST(PubSubFrames, AreReadInBothRespVersions) {
  for (const char mark : {'*', '>'}) {
    const std::string message =
        std::string(1, mark) + "3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n";
    EXPECT_EQ(read_frame(message).type, Type::message);
    EXPECT_EQ(read_frame(message).kind, TopicKind::channel);
    EXPECT_EQ(read_frame(message).topic, "a");
    const std::string pattern =
        std::string(1, mark) + "4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$2\r\nhi\r\n";
    EXPECT_EQ(read_frame(pattern).type, Type::message);
    EXPECT_EQ(read_frame(pattern).kind, TopicKind::pattern);
    EXPECT_EQ(read_frame(pattern).topic, "a*");
  }
  EXPECT_EQ(read_frame("*3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n").type, Type::unsubscribed);
  EXPECT_EQ(read_frame("*3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n").kind,
            TopicKind::shard_channel);
  EXPECT_EQ(read_frame("-NOPERM no\r\n").type, Type::error);
  EXPECT_EQ(read_frame(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n").type, Type::invalidation);
}

TEST(PubSubFrames, OfAMessageChannelAndPayloadAreRead) {
  for (const char mark : {'*', '>'}) {
    const std::string message =
        std::string(1, mark) + "3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\nh\r\ni\r\n";
    EXPECT_EQ(read_message(message, TopicKind::channel).channel, "a");
    EXPECT_EQ(read_message(message, TopicKind::channel).payload, "h\r\ni");
    const std::string pattern =
        std::string(1, mark) + "4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$0\r\n\r\n";
    EXPECT_EQ(read_message(pattern, TopicKind::pattern).channel, "a");
    EXPECT_EQ(read_message(pattern, TopicKind::pattern).payload, "");
  }
}

TEST(PubSubFrames, APongTellsWhatPingSaid) {
  for (const std::string_view frame : {"$4\r\nmark\r\n", "*2\r\n$4\r\npong\r\n$4\r\nmark\r\n"}) {
    EXPECT_EQ(read_frame(frame).type, Type::pong);
    EXPECT_EQ(read_frame(frame).topic, "mark");
  }
}

TEST(PubSubFrames, WhatIsNoneOfThemIsOther) {
  for (const std::string_view frame :
       {"+PONG\r\n", "*0\r\n", "*1\r\n:1\r\n", "", "*", "*3\r\n$7\r\nmessage\r\n$9\r\na\r\n"}) {
    EXPECT_EQ(read_frame(frame).type, Type::other) << frame;
  }
}

TEST(PubSubFrames, AcknowledgementsAreShapedForTheClient) {
  std::string two, three, nothing;
  write_acknowledgement(two, protocol::RespVersion::resp2, "subscribe", "a", 1);
  write_acknowledgement(three, protocol::RespVersion::resp3, "subscribe", "a", 1);
  write_acknowledgement(nothing, protocol::RespVersion::resp2, "unsubscribe", {}, 0);
  EXPECT_EQ(two, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  EXPECT_EQ(three, ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  EXPECT_EQ(nothing, "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
}

TEST(PubSubFrames, InvalidationsAreMessagesInResp2) {
  EXPECT_EQ(invalidation_message(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"),
            "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\na\r\n");
  EXPECT_EQ(invalidation_message(">2\r\n$10\r\ninvalidate\r\n_\r\n"),
            "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*-1\r\n");
}

}  // namespace
}  // namespace hawser
