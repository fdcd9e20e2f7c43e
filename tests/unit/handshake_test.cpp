#include "proxy/upstream/handshake.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

using Step = Handshake::Step;

constexpr std::string_view kHello2 =
    "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n"
    "$2\r\nid\r\n:9\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
    "$7\r\nmodules\r\n*0\r\n";

HandshakePlan plan() {
  HandshakePlan out;
  out.name = "hawser:test:main";
  out.version = "1.0";
  return out;
}

constexpr std::string_view kServer = "$22\r\n# Server\r\nrun_id:abc1\r\n\r\n";

/// Answers everything behind HELLO; returns the last step.
Step finish(Handshake& handshake, std::string_view id = ":42\r\n",
            std::string_view server = kServer) {
  for (const std::string_view reply :
       {std::string_view("+OK\r\n"), std::string_view("-ERR x\r\n"), std::string_view("-ERR x\r\n"),
        std::string_view("+OK\r\n"), id}) {
    EXPECT_EQ(handshake.on_reply(reply), Step::more);
  }
  return handshake.on_reply(server);
}

TEST(Handshake, LearnsVersionAndIdAndSurvivesMissingSetinfo) {
  Handshake handshake(plan());
  EXPECT_TRUE(handshake.bytes().starts_with("*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n"));
  EXPECT_EQ(handshake.on_reply(kHello2), Step::more);
  EXPECT_EQ(finish(handshake), Step::done);
  EXPECT_EQ(handshake.result().server_version, "7.0.15");
  EXPECT_EQ(handshake.result().client_id, 42U);
  EXPECT_EQ(handshake.result().run_id, "abc1");
}

TEST(Handshake, LogsInWithTheUserAndChoosesProtocolAndDatabase) {
  HandshakePlan wanted = plan();
  wanted.resp = RespVersion::resp3;
  wanted.password = "pw";
  wanted.database = 7;
  const Handshake handshake(wanted);
  EXPECT_NE(handshake.bytes().find("HELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$2\r\npw"),
            std::string::npos);
  EXPECT_NE(handshake.bytes().find("SELECT\r\n$1\r\n7"), std::string::npos);
}

TEST(Handshake, AUserWithoutAPasswordIsNamed) {
  HandshakePlan wanted = plan();
  wanted.user = "bob";
  const Handshake handshake(wanted);
  EXPECT_NE(handshake.bytes().find("AUTH\r\n$3\r\nbob\r\n$0\r\n\r\n"), std::string::npos);
}

TEST(Handshake, OldServerThatWantsAPasswordSaysSoToTheName) {
  Handshake handshake(plan());
  EXPECT_EQ(handshake.on_reply("-ERR unknown command `HELLO`\r\n"), Step::write);
  Step step = Step::more;
  for (int i = 0; i < 12 && step == Step::more; ++i) {
    step = handshake.on_reply("-NOAUTH Authentication required.\r\n");
  }
  EXPECT_EQ(step, Step::failed);
  EXPECT_TRUE(is_login_refusal(handshake.error()));
}

TEST(Handshake, RefusedPasswordIsTheServersOwnError) {
  Handshake handshake(plan());
  EXPECT_EQ(handshake.on_reply("-WRONGPASS no\r\n"), Step::failed);
  EXPECT_EQ(handshake.error(), "-WRONGPASS no\r\n");
  EXPECT_FALSE(handshake.failed_at_select());
}

TEST(Handshake, RefusedDatabaseIsToldApart) {
  HandshakePlan wanted = plan();
  wanted.database = 99;
  Handshake handshake(wanted);
  EXPECT_EQ(handshake.on_reply(kHello2), Step::more);
  EXPECT_EQ(handshake.on_reply("-ERR DB index is out of range\r\n"), Step::failed);
  EXPECT_TRUE(handshake.failed_at_select());
}

TEST(Handshake, PredecessorsAreKilledBeforeItIsDone) {
  HandshakePlan wanted = plan();
  wanted.predecessors = {{17, "abc1"}, {18, "abc1"}};
  Handshake handshake(wanted);
  EXPECT_EQ(handshake.on_reply(kHello2), Step::more);
  EXPECT_EQ(finish(handshake), Step::write);
  EXPECT_NE(handshake.bytes().find("KILL\r\n$2\r\nID\r\n$2\r\n17"), std::string::npos);
  EXPECT_TRUE(handshake.bytes().starts_with("*4\r\n$6\r\nCLIENT"));
  EXPECT_EQ(handshake.on_reply(":1\r\n"), Step::more);
  EXPECT_EQ(handshake.on_reply("-NOPERM no\r\n"), Step::done);
  EXPECT_FALSE(handshake.result().predecessors_killed);
}

TEST(Handshake, IdsOfAnotherRunOfTheServerAreStrangers) {
  HandshakePlan wanted = plan();
  wanted.predecessors = {{17, "old1"}};
  Handshake handshake(wanted);
  EXPECT_EQ(handshake.on_reply(kHello2), Step::more);
  EXPECT_EQ(finish(handshake), Step::done);
}

TEST(Handshake, UnknownRunIsTakenForTheSame) {
  for (const bool lost_is_known : {false, true}) {
    HandshakePlan wanted = plan();
    wanted.predecessors = {{17, lost_is_known ? "old1" : ""}};
    Handshake handshake(wanted);
    EXPECT_EQ(handshake.on_reply(kHello2), Step::more);
    EXPECT_EQ(finish(handshake, ":42\r\n", lost_is_known ? "-NOPERM no\r\n" : kServer),
              Step::write);
  }
}

TEST(Handshake, ServerWithoutHelloIsAskedAgainWithAuth) {
  HandshakePlan wanted = plan();
  wanted.password = "pw";
  Handshake handshake(wanted);
  EXPECT_EQ(handshake.on_reply("-ERR unknown command `HELLO`\r\n"), Step::write);
  EXPECT_TRUE(handshake.bytes().starts_with("*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n"));
  // The rest of the first flight is answered too: six errors that mean nothing.
  for (int i = 0; i < 6; ++i) EXPECT_EQ(handshake.on_reply("-NOAUTH\r\n"), Step::more);
  EXPECT_EQ(handshake.on_reply("+OK\r\n"), Step::more);
  EXPECT_EQ(finish(handshake, "-ERR unknown\r\n"), Step::done);
  EXPECT_EQ(handshake.result().server_version, "");
  EXPECT_EQ(handshake.result().client_id, 0U);
}

TEST(Handshake, DatabaseZeroNeedsNoSelect) {
  const Handshake handshake(plan());
  EXPECT_EQ(handshake.bytes().find("SELECT"), std::string::npos);
  EXPECT_EQ(handshake.bytes().find("AUTH"), std::string::npos);
  EXPECT_NE(handshake.bytes().find("SETNAME\r\n$16\r\nhawser:test:main\r\n"), std::string::npos);
}

TEST(Handshake, UserWithoutTheRightToKnowItsIdCanStillBeServed) {
  Handshake handshake(plan());
  EXPECT_EQ(handshake.on_reply(kHello2), Step::more);
  EXPECT_EQ(finish(handshake, "-NOPERM no permissions\r\n"), Step::done);
  EXPECT_EQ(handshake.result().client_id, 0U);
}

TEST(Handshake, PredecessorThatIsGoneAlreadyCountsAsKilled) {
  for (const std::string_view reply : {":0\r\n", ":1\r\n", "-ERR No such client\r\n"}) {
    HandshakePlan wanted = plan();
    wanted.predecessors = {{17, "abc1"}};
    Handshake handshake(wanted);
    EXPECT_EQ(handshake.on_reply(kHello2), Step::more);
    EXPECT_EQ(finish(handshake), Step::write);
    EXPECT_EQ(handshake.on_reply(reply), Step::done);
    EXPECT_TRUE(handshake.result().predecessors_killed) << reply;
  }
}

TEST(Handshake, Resp3IsNotReplacedByResp2) {
  for (const std::string_view reply :
       {"-ERR unknown command `HELLO`\r\n", "-NOPROTO unsupported protocol version\r\n"}) {
    HandshakePlan wanted = plan();
    wanted.resp = RespVersion::resp3;
    Handshake handshake(wanted);
    EXPECT_EQ(handshake.on_reply(reply), Step::failed);
    EXPECT_EQ(handshake.error(), reply);
  }
}

TEST(Handshake, OldServerRefusingThePasswordOrTheDatabaseIsToldApart) {
  for (const bool at_select : {false, true}) {
    HandshakePlan wanted = plan();
    wanted.user = "alice";
    wanted.password = "pw";
    wanted.database = 99;
    Handshake handshake(wanted);
    EXPECT_EQ(handshake.on_reply("-ERR unknown command `HELLO`\r\n"), Step::write);
    EXPECT_TRUE(handshake.bytes().starts_with("*3\r\n$4\r\nAUTH\r\n$5\r\nalice\r\n$2\r\npw\r\n"));
    for (int i = 0; i < 7; ++i) EXPECT_EQ(handshake.on_reply("-NOAUTH\r\n"), Step::more);
    if (at_select) {
      EXPECT_EQ(handshake.on_reply("+OK\r\n"), Step::more);
    }
    EXPECT_EQ(handshake.on_reply("-ERR no\r\n"), Step::failed);
    EXPECT_EQ(handshake.failed_at_select(), at_select);
  }
}

TEST(Handshake, OldServersPredecessorsAreKilledToo) {
  HandshakePlan wanted = plan();
  wanted.predecessors = {{17, ""}};
  Handshake handshake(wanted);
  EXPECT_EQ(handshake.on_reply("-ERR unknown command `HELLO`\r\n"), Step::write);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(handshake.on_reply("+OK\r\n"), Step::more);
  EXPECT_EQ(finish(handshake), Step::write);
  EXPECT_NE(handshake.bytes().find("KILL\r\n$2\r\nID\r\n$2\r\n17"), std::string::npos);
}

TEST(HelloField, ReadsStringsAndNumbersOfBothShapes) {
  EXPECT_EQ(hello_field(kHello2, "version"), "7.0.15");
  EXPECT_EQ(hello_field(kHello2, "id"), "9");
  EXPECT_EQ(hello_field("%1\r\n$7\r\nversion\r\n$5\r\n8.0.1\r\n", "version"), "8.0.1");
  EXPECT_EQ(hello_field(kHello2, "nothing"), std::nullopt);
  EXPECT_EQ(hello_field("%1\r\n+version\r\n+9.9\r\n", "version"), std::nullopt);
  EXPECT_EQ(hello_field("%1\r\n$5\r\nproto\r\n:3\r\n", "proto"), "3");
  EXPECT_EQ(hello_field("%1\r\n$7\r\nmodules\r\n*0\r\n", "modules"), std::nullopt);
  EXPECT_EQ(hello_field("", "version"), std::nullopt);
  EXPECT_EQ(hello_field("*2\r\n$7\r\nversion\r\n$50\r\n7", "version"), std::nullopt);
}

}  // namespace
}  // namespace hawser
