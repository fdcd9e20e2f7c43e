#include "proxy/upstream/client_scripts.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/request_parser.hpp"
#include "proxy/upstream/script_book.hpp"

namespace hawser {
namespace {

constexpr UserId kAlice = 1;
constexpr UserId kBob = 2;
constexpr std::uint64_t kServer = 7;
constexpr std::uint64_t kNextServer = 8;
constexpr std::size_t kRoom = 4096;
constexpr std::string_view kBody = "return 1";
constexpr std::string_view kDigest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

std::string encoded(const std::vector<std::string_view>& words) {
  std::string out;
  protocol::append_command(out, words);
  return out;
}

/// The request that is sent instead; empty: none.
std::string eval_of(ClientScripts& scripts, UserId user, std::string_view evalsha,
                    std::uint64_t server = kServer) {
  const auto eval = scripts.to_eval(user, evalsha, server);
  return eval ? eval->bytes : "";
}

TEST(ClientScripts, DigestOfARememberedOneBecomesItsBody) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody), kServer);
  EXPECT_EQ(eval_of(scripts, kAlice, encoded({"EVALSHA", kDigest, "1", "k\r\n", ""}), kServer),
            encoded({"EVAL", kBody, "1", "k\r\n", ""}));
  EXPECT_EQ(eval_of(scripts, kAlice, encoded({"evalsha_ro", kDigest, "0"}), kServer),
            encoded({"EVAL_RO", kBody, "0"}));
  // As Redis takes it.
  EXPECT_EQ(eval_of(scripts, kAlice,
                    encoded({"EvalSha", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "0"}), kServer),
            encoded({"EVAL", kBody, "0"}));
}

TEST(ClientScripts, EveryOtherRequestStaysAsItIs) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody), kServer);
  const std::string foreign(40, 'a');
  for (const std::string& request :
       {encoded({"EVALSHA", foreign, "0"}), encoded({"EVALSHA", kDigest.substr(1), "0"}),
        encoded({"EVALSHA"}), std::string()}) {
    EXPECT_EQ(eval_of(scripts, kAlice, request, kServer), "");
  }
}

TEST(ClientScripts, NobodyRunsWhatOnlyAnotherUserHasShown) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody), kServer);
  EXPECT_TRUE(scripts.knows(kAlice, kBody, kServer));
  EXPECT_FALSE(scripts.knows(kBob, kBody, kServer));
  EXPECT_EQ(eval_of(scripts, kBob, encoded({"EVALSHA", kDigest, "0"}), kServer), "");
}

TEST(ClientScripts, OneThatMakesErrorsOfItsOwnIsBelievedLostOnlyWithItsServer) {
  for (const std::string body :
       {"return redis.error_reply(ARGV[1])", "return {err = ARGV[1]}", "error(ARGV[1])",
        "return redis.pcall('GET', KEYS[1])", "return cjson.decode(ARGV[1])",
        "return cmsgpack.unpack(ARGV[1])"}) {
    ClientScripts scripts(kRoom);
    const std::string request = encoded({"EVALSHA", script_digest(body), "0"});
    const std::string eval = encoded({"EVAL", body, "0"});
    scripts.remember(kAlice, body, kServer);
    EXPECT_EQ(eval_of(scripts, kAlice, request, kServer), "") << body;
    EXPECT_EQ(eval_of(scripts, kAlice, request, 0), "") << body;
    EXPECT_EQ(eval_of(scripts, kAlice, request, kNextServer), eval) << body;
    EXPECT_EQ(eval_of(scripts, kAlice, request, kNextServer), eval) << body;
    scripts.note_sent(kAlice, script_digest(body), kNextServer);
    EXPECT_EQ(eval_of(scripts, kAlice, request, kNextServer), "") << body;
    EXPECT_EQ(eval_of(scripts, kAlice, request, kServer), eval) << body;
    scripts.remember(kAlice, body, 0);
    EXPECT_EQ(eval_of(scripts, kAlice, request, kServer), "") << body;
  }
}

TEST(ClientScripts, OneThatMakesNoErrorsIsBelievedLost) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody), kServer);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(eval_of(scripts, kAlice, encoded({"EVALSHA", kDigest, "0"}), kServer), "");
  }
  EXPECT_FALSE(scripts.knows(kAlice, kBody, kNextServer));
  EXPECT_TRUE(scripts.knows(kAlice, kBody, kServer));
}

TEST(ClientScripts, ThoseUsedLongAgoGoFirst) {
  ClientScripts scripts(kRoom);
  scripts.remember(kAlice, std::string(kBody), kServer);
  for (int i = 0; i < 100; ++i) {
    const std::string body = "return " + std::to_string(1000 + i);
    ASSERT_TRUE(scripts.takes(body));
    scripts.remember(kAlice, body, kServer);
    ASSERT_TRUE(scripts.knows(kAlice, body, kServer));
    ASSERT_NE(eval_of(scripts, kAlice, encoded({"EVALSHA", kDigest, "0"}), kServer), "") << i;
    ASSERT_LE(scripts.bytes(), kRoom);
  }
  EXPECT_FALSE(scripts.knows(kAlice, "return 1000", kServer));
  EXPECT_FALSE(scripts.takes(std::string(kRoom, 'x')));
}

TEST(ClientScripts, NothingIsTakenWithoutRoom) {
  EXPECT_FALSE(ClientScripts(0).takes(""));
}

TEST(ClientScripts, FlushForgetsAll) {
  ClientScripts scripts(kRoom);
  const auto before = scripts.generation();
  scripts.remember(kAlice, std::string(kBody), kServer);
  scripts.forget();
  EXPECT_NE(scripts.generation(), before);
  EXPECT_EQ(scripts.bytes(), 0U);
  EXPECT_FALSE(scripts.knows(kAlice, kBody, kServer));
  EXPECT_EQ(eval_of(scripts, kAlice, encoded({"EVALSHA", kDigest, "0"}), kServer), "");
  scripts.remember(kAlice, std::string(kBody), kServer);
  EXPECT_TRUE(scripts.knows(kAlice, kBody, kServer));
}

}  // namespace
}  // namespace hawser
