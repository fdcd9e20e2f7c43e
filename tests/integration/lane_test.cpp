// A lane's blocks, against a real redis-server.

#include "proxy/upstream/lane.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/plain_redis.hpp"

namespace hawser {
namespace {

using namespace std::chrono_literals;

/// Keeps what it is answered.
class Answers final : public ReplySink {
 public:
  explicit Answers(std::vector<std::string>& to, Loop& loop, std::size_t expected)
      : to_(to), loop_(loop), expected_(expected) {}
  void on_reply(std::uint32_t, Reply reply) override { add(std::string(reply.bytes)); }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    add(failure_reply(failure, number));
  }

 private:
  void add(std::string text) {
    to_.push_back(std::move(text));
    if (to_.size() == expected_) loop_.stop();
  }
  std::vector<std::string>& to_;
  Loop& loop_;
  std::size_t expected_;
};

class LaneBlocks : public ::testing::Test, public LaneOwner {
 protected:
  /// Submits what `submit` gives to an open lane; the answers, in their order.
  std::vector<std::string> run(std::size_t expected,
                               const std::function<void(Lane&, ReplySink&)>& submit) {
    std::vector<std::string> got;
    const SinkPtr<Answers> sink(new Answers(got, loop_, expected));
    submit_ = [&](Lane& lane) { submit(lane, *sink); };
    lane_ = std::make_shared<Lane>(
        Lane::Parts{loop_, limits_, stats_, LaneRole::main, 1 << 20, health_, 2s}, *this);
    HandshakePlan plan;
    plan.name = "hawser:test:main";
    plan.version = "1";
    lane_->open({{}, 0, redis_.socket_path()}, plan, Clock::now() + 5s);
    Timer limit(loop_, [this] { loop_.stop(); });
    limit.set(Clock::now() + 10s);
    loop_.run();
    lane_->close();
    loop_.settle();
    return got;
  }

  static Submission block(std::string_view bytes, ReplySink& sink) {
    Submission out;
    out.bytes = bytes;
    out.slot = SlotHandle(sink, 0);
    return out;
  }

  void on_lane_open(Lane& lane, const HandshakeResult&) override { submit_(lane); }
  void on_lane_end(Lane&, LaneEnd) override { loop_.stop(); }
  void on_lane_push(Lane&, std::string_view) override {}

  test::PlainRedis redis_;
  protocol::Limits limits_;
  Loop loop_;
  UpstreamStats stats_{"test"};
  Health health_{config::Settings{}};
  std::shared_ptr<Lane> lane_;
  std::function<void(Lane&)> submit_;
};

TEST_F(LaneBlocks, SlotTakesTheChosenReplyAndTheOthersAreSwallowed) {
  const auto got = run(2, [](Lane& lane, ReplySink& sink) {
    lane.submit_block(block("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\na\r\n"
                            "*2\r\n$4\r\nECHO\r\n$1\r\nb\r\n",
                            sink),
                      3, 1);
    lane.submit(block("*2\r\n$4\r\nECHO\r\n$4\r\nnext\r\n", sink));
  });
  EXPECT_EQ(got, (std::vector<std::string>{"$1\r\na\r\n", "$4\r\nnext\r\n"}));
}

TEST_F(LaneBlocks, SlotTakesAnElementOfTheChosenReply) {
  constexpr std::string_view kTransaction =
      "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
      "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nEXEC\r\n";
  const auto got = run(3, [&](Lane& lane, ReplySink& sink) {
    lane.submit_block(block(kTransaction, sink), 4, 3, 0);
    lane.submit_block(block(kTransaction, sink), 4, 3, 1);
    lane.submit(block("*2\r\n$4\r\nECHO\r\n$4\r\nnext\r\n", sink));
  });
  EXPECT_EQ(got, (std::vector<std::string>{"+OK\r\n", "$1\r\nv\r\n", "$4\r\nnext\r\n"}));
}

TEST_F(LaneBlocks, ReplyThatIsNoArrayIsTakenWhole) {
  const auto got = run(1, [](Lane& lane, ReplySink& sink) {
    lane.submit_block(
        block("*1\r\n$5\r\nMULTI\r\n*1\r\n$6\r\nNOSUCH\r\n*1\r\n$4\r\nEXEC\r\n", sink), 3, 2, 0);
  });
  EXPECT_EQ(got, std::vector<std::string>{
                     "-EXECABORT Transaction discarded because of previous errors.\r\n"});
}

TEST_F(LaneBlocks, ClosingTheLaneAnswersWhatWasNotWrittenAsNotExecuted) {
  const auto got = run(1, [](Lane& lane, ReplySink& sink) {
    lane.submit_block(block("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", sink), 2, 1);
    lane.close();
  });
  EXPECT_EQ(got, std::vector<std::string>{failure_reply(Failure::down)});
}

}  // namespace
}  // namespace hawser
