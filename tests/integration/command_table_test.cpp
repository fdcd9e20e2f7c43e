#include "protocol/command_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tests/integration/plain_redis.hpp"

namespace hawser::protocol {
namespace {

const std::map<std::string_view, std::uint32_t> kFlagNames = {
    {"write", flag::write},
    {"readonly", flag::readonly},
    {"denyoom", flag::denyoom},
    {"admin", flag::admin},
    {"pubsub", flag::pubsub},
    {"noscript", flag::noscript},
    {"blocking", flag::blocking},
    {"loading", flag::loading},
    {"stale", flag::stale},
    {"skip_monitor", flag::skip_monitor},
    {"skip_slowlog", flag::skip_slowlog},
    {"asking", flag::asking},
    {"fast", flag::fast},
    {"no_auth", flag::no_auth},
    {"movablekeys", flag::movablekeys},
    {"no_mandatory_keys", flag::no_mandatory_keys},
    {"no_async_loading", flag::no_async_loading},
    {"no_multi", flag::no_multi},
    {"allow_busy", flag::allow_busy},
};

const Command* row(std::string_view name) {
  const std::size_t bar = name.find('|');
  const Command* const command = find_command(name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return find_subcommand(*command, name.substr(bar + 1));
}

// One entry of COMMAND's reply: name, arity, flags, first key, last key, step, ACL categories,
// tips, key specifications, subcommands.
void compare(const redisReply& entry, std::set<std::string>& seen) {
  ASSERT_EQ(entry.type, REDIS_REPLY_ARRAY);
  ASSERT_EQ(entry.elements, 10U);
  const std::string name(entry.element[0]->str, entry.element[0]->len);
  SCOPED_TRACE(name);
  seen.insert(name);
  const Command* const command = row(name);
  ASSERT_NE(command, nullptr) << "the server has a command that the table lacks";
  EXPECT_EQ(command->name, name);
  EXPECT_EQ(command->since, "") << "a row said to be newer than this server";
  EXPECT_EQ(command->arity, entry.element[1]->integer);
  std::uint32_t flags = 0;
  for (std::size_t i = 0; i < entry.element[2]->elements; ++i) {
    const std::string_view flag_name = entry.element[2]->element[i]->str;
    ASSERT_TRUE(kFlagNames.contains(flag_name)) << flag_name;
    flags |= kFlagNames.at(flag_name);
  }
  EXPECT_EQ(command->flags, flags);
  EXPECT_EQ(command->first_key, entry.element[3]->integer);
  EXPECT_EQ(command->last_key, entry.element[4]->integer);
  EXPECT_EQ(command->key_step, entry.element[5]->integer);
  EXPECT_EQ(has_subcommands(*command), entry.element[9]->elements != 0);
  for (std::size_t i = 0; i < entry.element[9]->elements; ++i) {
    compare(*entry.element[9]->element[i], seen);
  }
}

TEST(CommandTableAgainstServer, SameCommandsArityFlagsAndKeys) {
  const test::PlainRedis server;
  const test::Connection connection = server.connect();
  const test::Reply reply(static_cast<redisReply*>(redisCommand(connection.get(), "COMMAND")));
  ASSERT_NE(reply, nullptr) << connection->errstr;
  ASSERT_EQ(reply->type, REDIS_REPLY_ARRAY);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < reply->elements; ++i) compare(*reply->element[i], seen);

  EXPECT_GT(seen.size(), 350U);
  for (const Command& command : all_commands()) {
    // Redis knows these two words, but lists them nowhere: they are HTTP's.
    if (command.name == "post" || command.name == "host:") continue;
    EXPECT_EQ(seen.contains(std::string(command.name)), command.since.empty()) << command.name;
  }
}

}  // namespace
}  // namespace hawser::protocol
