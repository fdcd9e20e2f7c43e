#include "proxy/upstream/client_scripts.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/request_parser.hpp"

namespace hawser {
namespace {

constexpr UserId kAlice = 1;
constexpr UserId kBob = 2;
constexpr std::size_t kRoom = 4096;
constexpr std::string_view kBody = "return 1";
constexpr std::string_view kDigest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

std::string encoded(const std::vector<std::string_view>& words) {
  std::string out;
  protocol::append_command(out, words);
  return out;
}

TEST(ClientScripts, DigestOfARememberedOneBecomesItsBody) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody));
  EXPECT_EQ(scripts.to_eval(kAlice, encoded({"EVALSHA", kDigest, "1", "k\r\n", ""})),
            encoded({"EVAL", kBody, "1", "k\r\n", ""}));
  EXPECT_EQ(scripts.to_eval(kAlice, encoded({"evalsha_ro", kDigest, "0"})),
            encoded({"EVAL_RO", kBody, "0"}));
  // As Redis takes it.
  EXPECT_EQ(scripts.to_eval(kAlice,
                            encoded({"EvalSha", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "0"})),
            encoded({"EVAL", kBody, "0"}));
}

TEST(ClientScripts, EveryOtherRequestStaysAsItIs) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody));
  const std::string foreign(40, 'a');
  for (const std::string& request :
       {encoded({"EVALSHA", foreign, "0"}), encoded({"EVALSHA", kDigest.substr(1), "0"}),
        encoded({"EVALSHA"}), std::string()}) {
    EXPECT_EQ(scripts.to_eval(kAlice, request), std::nullopt);
  }
}

TEST(ClientScripts, NobodyRunsWhatOnlyAnotherUserHasShown) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody));
  EXPECT_TRUE(scripts.knows(kAlice, kBody));
  EXPECT_FALSE(scripts.knows(kBob, kBody));
  EXPECT_EQ(scripts.to_eval(kBob, encoded({"EVALSHA", kDigest, "0"})), std::nullopt);
}

TEST(ClientScripts, OneThatMakesErrorsOfItsOwnIsNotTaken) {
  const ClientScripts scripts(kRoom);
  EXPECT_TRUE(scripts.takes("return redis.call('INCR', KEYS[1])"));
  for (const char* body : {"return redis.error_reply(ARGV[1])", "return {err = ARGV[1]}",
                           "error(ARGV[1])", "return redis.pcall('GET', KEYS[1])",
                           "return cjson.decode(ARGV[1])", "return cmsgpack.unpack(ARGV[1])"}) {
    EXPECT_FALSE(scripts.takes(body)) << body;
  }
}

TEST(ClientScripts, ThoseUsedLongAgoGoFirst) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody));
  for (int i = 0; i < 100; ++i) {
    const std::string body = "return " + std::to_string(1000 + i);
    ASSERT_TRUE(scripts.takes(body));
    scripts.remember(kAlice, body);
    ASSERT_TRUE(scripts.knows(kAlice, body));
    ASSERT_TRUE(scripts.to_eval(kAlice, encoded({"EVALSHA", kDigest, "0"}))) << i;
    ASSERT_LE(scripts.bytes(), kRoom);
  }
  EXPECT_FALSE(scripts.knows(kAlice, "return 1000"));
  EXPECT_FALSE(scripts.takes(std::string(kRoom, 'x')));
}

TEST(ClientScripts, NothingIsTakenWithoutRoom) {
  EXPECT_FALSE(ClientScripts(0).takes(""));
}

TEST(ClientScripts, FlushForgetsAll) {
  ClientScripts scripts(kRoom);
  const auto before = scripts.generation();
  scripts.remember(kAlice, std::string(kBody));
  scripts.forget();
  EXPECT_NE(scripts.generation(), before);
  EXPECT_EQ(scripts.bytes(), 0U);
  EXPECT_FALSE(scripts.knows(kAlice, kBody));
  EXPECT_EQ(scripts.to_eval(kAlice, encoded({"EVALSHA", kDigest, "0"})), std::nullopt);
  scripts.remember(kAlice, std::string(kBody));
  EXPECT_TRUE(scripts.knows(kAlice, kBody));
}

}  // namespace
}  // namespace hawser
