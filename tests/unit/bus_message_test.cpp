#include "proxy/cache/bus/bus_message.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace hawser {
namespace {

constexpr std::int64_t kTime = 1767225600123;  // 2026-01-01T00:00:00.123Z

BusMessage message_of(std::string_view text) {
  const auto parsed = parse_bus_message(text);
  const auto* message = std::get_if<BusMessage>(&parsed);
  EXPECT_NE(message, nullptr) << text;
  return message == nullptr ? BusMessage{} : *message;
}

std::string reason_of(std::string_view text) {
  const auto parsed = parse_bus_message(text);
  const auto* invalid = std::get_if<InvalidBusMessage>(&parsed);
  return invalid == nullptr ? "" : std::string(invalid->reason);
}

bool is_performed(std::string_view text) {
  return std::holds_alternative<Performed>(parse_bus_message(text));
}

TEST(BusMessageTest, EachTypeIsRead) {
  const BusMessage tags =
      message_of(R"({"type":"tags","target":["company:42","b"],"source":"orders"})");
  EXPECT_EQ(tags.type, BusMessage::Type::tags);
  EXPECT_EQ(tags.targets, (std::vector<std::string>{"company:42", "b"}));
  EXPECT_EQ(tags.source, "orders");
  EXPECT_EQ(message_of(R"({"type":"keys","target":["k"]})").type, BusMessage::Type::keys);
  const BusMessage pattern = message_of(" {\"target\" : \"list:*\",\n\"type\":\"pattern\"} \r\n");
  EXPECT_EQ(pattern.type, BusMessage::Type::pattern);
  EXPECT_EQ(pattern.targets, std::vector<std::string>{"list:*"});
  EXPECT_EQ(pattern.source, "");
}

TEST(BusMessageTest, EscapesAreBytesOfTheTarget) {
  const BusMessage message = message_of(R"({"type":"keys","target":["a\u0000b\n\"","é€😀"]})");
  EXPECT_EQ(message.targets[0], std::string("a\0b\n\"", 5));
  EXPECT_EQ(message.targets[1], "é€😀");
  EXPECT_EQ(message_of(R"({"\u0074ype":"tags","target":"\ud83d\ude00"})").targets[0], "😀");
}

TEST(BusMessageTest, OfAFieldThatIsThereTwiceTheLastCounts) {
  const BusMessage message =
      message_of(R"({"type":"keys","target":["a"],"target":["b"],"type":"tags"})");
  EXPECT_EQ(message.type, BusMessage::Type::tags);
  EXPECT_EQ(message.targets, std::vector<std::string>{"b"});
}

TEST(BusMessageTest, ASourceThatIsNoTextIsIgnored) {
  EXPECT_EQ(message_of(R"({"type":"keys","target":"a","source":{"a":1}})").source, "");
}

TEST(BusMessageTest, WhatIsNoMessageSaysWhy) {
  for (const char* text :
       {"", " ", "hello", "{", "[]", "\"x\"", "null", "1", R"(["type","tags"])",
        R"({"type":"tags","target":["a"]} x)", R"({"type":"tags","target":["a"],})",
        R"({'type':'tags','target':['a']})", R"({"type":"tags","target":["a"]}{})",
        "{\"type\":\"tags\",\"target\":[\"\xff\"]}", R"({"type":"tags","target":["\ud800"]})",
        "{\"type\":\"tags\",\"target\":[\"a\n\"]}", "\xef\xbb\xbf{}"}) {
    EXPECT_EQ(reason_of(text), "not a JSON object") << text;
  }
  EXPECT_EQ(reason_of("{}"), "no type");
  EXPECT_EQ(reason_of(R"({"type":1,"target":["a"]})"), "no type");
  EXPECT_EQ(reason_of(R"({"type":"tag","target":["a"]})"), "unknown type");
  EXPECT_EQ(reason_of(R"({"type":"TAGS","target":["a"]})"), "unknown type");
  EXPECT_EQ(reason_of(R"({"type":"tags"})"), "no target");
  EXPECT_EQ(reason_of(R"({"type":"tags","target":[]})"), "no target");
  EXPECT_EQ(reason_of(R"({"type":"tags","target":{}})"), "a target is not a string");
  EXPECT_EQ(reason_of(R"({"type":"tags","target":null})"), "a target is not a string");
  EXPECT_EQ(reason_of(R"({"type":"tags","target":["a",1]})"), "a target is not a string");
  EXPECT_EQ(reason_of(R"({"type":"tags","target":[["a"]]})"), "a target is not a string");
  EXPECT_EQ(reason_of(R"({"type":"tags","target":["a",""]})"), "a target is empty");
  EXPECT_EQ(reason_of(R"({"type":"pattern","target":""})"), "a target is empty");
}

TEST(BusMessageTest, LimitsAreKept) {
  const auto with = [](std::string_view type, std::size_t bytes) {
    return "{\"type\":\"" + std::string(type) + "\",\"target\":\"" + std::string(bytes, 'x') +
           "\"}";
  };
  EXPECT_EQ(message_of(with("tags", 256)).targets[0].size(), 256U);
  EXPECT_EQ(reason_of(with("tags", 257)), "a tag is too long");
  EXPECT_EQ(message_of(with("keys", 5000)).targets[0].size(), 5000U);
  const auto many = [](std::size_t count) {
    std::string text = R"({"type":"keys","target":["k")";
    for (std::size_t i = 1; i < count; ++i) text += ",\"k\"";
    return text + "]}";
  };
  EXPECT_EQ(message_of(many(100000)).targets.size(), 100000U);
  EXPECT_EQ(reason_of(many(100001)), "too many targets");
}

TEST(BusMessageTest, NestingIsBounded) {
  const auto nested = [](std::size_t depth) {
    return R"({"type":"keys","target":"k","x":)" + std::string(depth, '[') +
           std::string(depth, ']') + "}";
  };
  EXPECT_EQ(message_of(nested(31)).targets[0], "k");
  EXPECT_EQ(reason_of(nested(32)), "not a JSON object");
  EXPECT_EQ(reason_of(nested(100000)), "not a JSON object");
  EXPECT_EQ(reason_of(std::string(1000000, '[')), "not a JSON object");
}

TEST(BusMessageTest, WhatHasAnOriginIsPerformedAlready) {
  EXPECT_TRUE(is_performed(R"({"type":"tags","target":["a"],"origin":"h-1","sequence":4})"));
  EXPECT_TRUE(is_performed(R"({"origin":null})"));
  EXPECT_TRUE(is_performed(R"({"\u006frigin":1})"));
  EXPECT_FALSE(is_performed(R"({"type":"tags","target":["origin"],"x":{"origin":"h-1"}})"));
}

TEST(BusMessageTest, AStampIsAddedAtTheEndAndLeavesTheRestAsItWas) {
  EXPECT_EQ(stamp(R"( {"b":1.50, "type":"tags","target":"a" } )", "h-1", 7, kTime),
            R"( {"b":1.50, "type":"tags","target":"a","origin":"h-1","sequence":7,)"
            R"("time":"2026-01-01T00:00:00.123Z"})");
  EXPECT_EQ(stamp("{ }", "h", 0, 0),
            R"({"origin":"h","sequence":0,"time":"1970-01-01T00:00:00.000Z"})");
  // A brace, and what only looks like a field, in a string.
  EXPECT_EQ(stamp(R"({"type":"keys","target":"}\"time\":"})", "h", 1, 0),
            R"({"type":"keys","target":"}\"time\":","origin":"h","sequence":1,)"
            R"("time":"1970-01-01T00:00:00.000Z"})");
}

TEST(BusMessageTest, AStampTakesThePlaceOfFieldsOfItsNames) {
  EXPECT_EQ(
      stamp(R"({"sequence":5,"type":"keys","time":"now","target":"a","z":[1]})", "h", 1, kTime),
      R"({"type":"keys","target":"a","z":[1],"origin":"h","sequence":1,)"
      R"("time":"2026-01-01T00:00:00.123Z"})");
  EXPECT_EQ(stamp(R"({"type":"keys","target":"a","t\u0069me":0})", "h", 1, kTime),
            R"({"type":"keys","target":"a","origin":"h","sequence":1,)"
            R"("time":"2026-01-01T00:00:00.123Z"})");
  // Not those of what is inside.
  EXPECT_EQ(stamp(R"({"type":"keys","target":"a","x":{"time": 1}})", "h", 1, kTime),
            R"({"type":"keys","target":"a","x":{"time": 1},"origin":"h","sequence":1,)"
            R"("time":"2026-01-01T00:00:00.123Z"})");
}

TEST(BusMessageTest, WhatWasStampedIsReadAgain) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (const char* original : {R"({"type":"tags","target":["a"]})", R"({"a":"x,"})", "{}",
                               R"({"x":"\",\"origin\":\"no\",\"sequence\":9"})"}) {
    for (const char* origin : {"host-12-ab3f/2", "wit\"h\\", "é"}) {
      for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{17}, kMost}) {
        const std::string text = stamp(original, origin, sequence, kTime);
        EXPECT_TRUE(is_performed(text)) << text;
        const auto read = read_stamp(text);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(read->origin, origin);
        EXPECT_EQ(read->sequence, sequence);
        // Written anew by somebody, with blanks.
        const auto other = read_stamp(text + "\n");
        ASSERT_TRUE(other) << text;
        EXPECT_EQ(other->origin, origin);
        EXPECT_EQ(other->sequence, sequence);
      }
    }
  }
}

TEST(BusMessageTest, AStampIsReadWhereverItStands) {
  const auto read = read_stamp(R"({"sequence": 3, "type":"x", "origin": "o\u0041", "z": 1})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->origin, "oA");
  EXPECT_EQ(read->sequence, 3U);
  EXPECT_TRUE(read_stamp(R"({"\u006frigin":"o","sequence":3})"));
}

TEST(BusMessageTest, WhatHasNoStampHasNone) {
  const std::string long_origin(257, 'o');
  for (const std::string& text :
       {std::string(), std::string("}"), std::string("\"}"), std::string("hello origin"),
        std::string(R"({"type":"tags","target":["a"]})"), std::string(R"({"origin":"o"})"),
        std::string(R"({"origin":"o","sequence":-1})"),
        std::string(R"({"origin":"o","sequence":1.5})"),
        std::string(R"({"origin":"o","sequence":"1"})"),
        std::string(R"({"origin":"","sequence":1})"), std::string(R"({"origin":1,"sequence":1})"),
        std::string(R"({"a":1,"origin":"","sequence":1,"time":"2026-01-01T00:00:00.123Z"})"),
        std::string(R"({"a":1,"origin":"o","sequence":,"time":"2026-01-01T00:00:00.123Z"})"),
        std::string(R"({"x":{"origin":"o","sequence":1,"time":"2026-01-01T00:00:00.123Z"}})"),
        std::string(R"({"x":"a,\"origin\":\"o\",\"sequence\":1,\"time\":\"2026-01-01T00:00"})"),
        R"({"a":1,"origin":")" + long_origin + R"(","sequence":1})",
        R"({"a":1,"origin":")" + long_origin +
            R"(","sequence":1,"time":"2026-01-01T00:00:00.123Z"})",
        std::string(R"({"a":1,"origin":"o","sequence":99999999999999999999,)"
                    R"("time":"2026-01-01T00:00:00.123Z"})"),
        std::string(R"({"a":1,"origin":"o","sequence":999999999999999999999999,)"
                    R"("time":"2026-01-01T00:00:00.123Z"})")}) {
    EXPECT_FALSE(read_stamp(text)) << text;
  }
}

TEST(BusMessageTest, NoPartOfAStampedMessageIsReadBeyondItsEnd) {
  const std::string text = stamp(R"({"type":"tags","target":["a"]})", "h-1", 7, kTime);
  for (std::size_t begin = 0; begin <= text.size(); ++begin) {
    for (std::size_t end = begin; end <= text.size(); ++end) {
      const std::vector<char> bytes(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                    text.begin() + static_cast<std::ptrdiff_t>(end));
      const std::string_view part(bytes.data(), bytes.size());
      (void)read_stamp(part);
      (void)parse_bus_message(part);
    }
  }
}

TEST(BusMessageTest, ComposedMessagesAreReadAgain) {
  const std::vector<std::string> targets = {"a\"b\\", std::string("\0\n", 2), "é€😀"};
  const auto composed = compose(BusMessage::Type::keys, targets, "ha\"wser");
  EXPECT_EQ(composed.left_out, 0U);
  const BusMessage message = message_of(composed.text);
  EXPECT_EQ(message.type, BusMessage::Type::keys);
  EXPECT_EQ(message.targets, targets);
  EXPECT_EQ(message.source, "ha\"wser");
  EXPECT_EQ(compose(BusMessage::Type::tags, std::vector<std::string>{"t"}, "").text,
            R"({"type":"tags","target":["t"]})");
}

TEST(BusMessageTest, TargetsThatAreNoTextAreLeftOut) {
  const std::vector<std::string> targets = {"ok",
                                            "\xff",
                                            "\xc3",
                                            "a\x80",
                                            "\xc0\xaf",
                                            "\xed\xa0\x80",
                                            "\xe0\x80\x80",
                                            "\xf4\x90\x80\x80",
                                            "\xf0\x80\x80\x80",
                                            "\xf5\x80\x80\x80",
                                            "\xe2\x82",
                                            "also"};
  const auto composed = compose(BusMessage::Type::tags, targets, "\xff");
  EXPECT_EQ(composed.left_out, 10U);
  EXPECT_EQ(composed.text, R"({"type":"tags","target":["ok","also"]})");
  const auto none = compose(BusMessage::Type::tags, std::vector<std::string>{"\xff"}, "s");
  EXPECT_EQ(none.left_out, 1U);
  EXPECT_EQ(none.text, "");
}

}  // namespace
}  // namespace hawser
