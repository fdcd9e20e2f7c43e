#include "proxy/downstream/dispatcher.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace hawser {
namespace {

class Named final : public Handler {
 public:
  explicit Named(std::string name, std::string& seen) : name_(std::move(name)), seen_(seen) {}
  Taken handle(Client&, Request&) override {
    seen_ = name_;
    return Taken::yes;
  }

 private:
  std::string name_;
  std::string& seen_;
};

class NobodysClient final : public Client {
 public:
  NobodysClient() : Client(1) {}
  SlotHandle open_slot(const Request&) override { return {}; }
  std::size_t unanswered() const override { return 0; }
  std::size_t unsettled() const override { return 0; }
  void pause() override {}
  void resume() override {}
  void resume_anew() override {}
  void try_again() override {}
  bool push(std::string_view) override { return true; }
  bool push(const std::shared_ptr<Block>&, std::string_view) override { return true; }
  std::size_t queued_output() const override { return 0; }
  void close_after_replies() override {}
  void abort(std::string_view) override {}
};

class DispatcherTest : public ::testing::Test {
 protected:
  std::string handler_of(std::initializer_list<std::string_view> words) {
    std::string bytes;
    std::vector<protocol::ArgSpan> spans;
    for (const std::string_view word : words) {
      spans.push_back({bytes.size(), word.size()});
      bytes += word;
    }
    Request request;
    request.base = bytes.data();
    request.args = spans;
    seen_.clear();
    dispatcher_.dispatch(client_, request);
    return seen_;
  }

  std::string seen_;
  Named forward_{"forward", seen_}, pinned_{"pinned", seen_}, local_{"local", seen_},
      refuse_{"refuse", seen_}, special_{"special", seen_}, subscribed_{"subscribed", seen_},
      foreign_{"foreign", seen_};
  DeniedCommands denied_{{}};
  Dispatcher dispatcher_{{forward_, pinned_, foreign_, local_, refuse_, subscribed_, denied_}};
  NobodysClient client_;
};

TEST_F(DispatcherTest, RowsGoToTheHandlerOfTheirTreatment) {
  EXPECT_EQ(handler_of({"get", "a"}), "forward");
  EXPECT_EQ(handler_of({"BLPOP", "a", "0"}), "pinned");
  EXPECT_EQ(handler_of({"MULTI"}), "pinned");
  EXPECT_EQ(handler_of({"Echo", "a"}), "local");
  EXPECT_EQ(handler_of({"SHUTDOWN"}), "refuse");
  EXPECT_EQ(handler_of({"CLIENT", "SETNAME", "a"}), "local");
  EXPECT_EQ(handler_of({"CONFIG", "GET", "a"}), "forward");
}

TEST_F(DispatcherTest, WrongNumberOfArgumentsIsLeftToRedis) {
  EXPECT_EQ(handler_of({"BLPOP", "a"}), "forward");
  EXPECT_EQ(handler_of({"ECHO"}), "forward");
  EXPECT_EQ(handler_of({"CLIENT", "SETNAME"}), "forward");
}

TEST_F(DispatcherTest, WhatIsNotInTheTableNeverTouchesASharedLaneUnasked) {
  EXPECT_EQ(handler_of({"NOSUCH"}), "foreign");
  EXPECT_EQ(handler_of({""}), "foreign");
  EXPECT_EQ(handler_of({"CONFIG", "NOSUCH"}), "pinned");
  EXPECT_EQ(handler_of({"CLIENT", "NOSUCH"}), "local");
}

TEST_F(DispatcherTest, RoutesGoBeforeTreatments) {
  dispatcher_.route("select", special_);
  dispatcher_.route("script|kill", special_);
  EXPECT_EQ(handler_of({"SELECT", "1"}), "special");
  EXPECT_EQ(handler_of({"SCRIPT", "KILL"}), "special");
  EXPECT_EQ(handler_of({"SCRIPT", "EXISTS", "a"}), "forward");
}

TEST_F(DispatcherTest, ClientsOwnHandlerTakesEverything) {
  client_.set_own_handler(std::make_shared<Named>("own", seen_));
  EXPECT_EQ(handler_of({"GET", "a"}), "own");
  EXPECT_EQ(handler_of({"ECHO", "a"}), "own");
  EXPECT_EQ(handler_of({"NOSUCH"}), "own");
  EXPECT_EQ(handler_of({"SHUTDOWN"}), "own");
}

namespace {
struct SubscribedToOne final : Subscriptions {
  Counts counts() const override { return {.channels = 1}; }
};
}  // namespace

TEST_F(DispatcherTest, SubscribedResp2ClientMayDoLittle) {
  client_.set_subscriptions(std::make_shared<SubscribedToOne>());
  client_.set_own_handler(std::make_shared<Named>("own", seen_));
  EXPECT_EQ(handler_of({"GET", "a"}), "subscribed");
  client_.set_context({.resp = RespVersion::resp3});
  EXPECT_EQ(handler_of({"GET", "a"}), "own");
}

TEST_F(DispatcherTest, RefusedCommandIsRefusedWithAnyNumberOfArguments) {
  EXPECT_EQ(handler_of({"SHUTDOWN", "a", "b", "c", "d", "e", "f", "g"}), "refuse");
  EXPECT_EQ(handler_of({"PSYNC"}), "refuse");
}

TEST_F(DispatcherTest, DeniedCommandIsRefusedInEveryState) {
  denied_.set({"flushall", "config|set", "echo", "json.del"});
  EXPECT_EQ(handler_of({"FlushAll"}), "refuse");
  EXPECT_EQ(handler_of({"FLUSHALL", "a", "b", "c"}), "refuse");
  EXPECT_EQ(handler_of({"CONFIG", "SET", "a", "b"}), "refuse");
  EXPECT_EQ(handler_of({"CONFIG", "GET", "a"}), "forward");
  EXPECT_EQ(handler_of({"ECHO", "a"}), "refuse");
  EXPECT_EQ(handler_of({"JSON.DEL", "a"}), "refuse");
  dispatcher_.route("flushall", special_);
  EXPECT_EQ(handler_of({"FLUSHALL"}), "refuse");
  client_.set_subscriptions(std::make_shared<SubscribedToOne>());
  EXPECT_EQ(handler_of({"FLUSHALL"}), "refuse");
  EXPECT_EQ(handler_of({"SHUTDOWN"}), "refuse");
  // A handler of the client's own has its transaction to think of.
  client_.set_own_handler(std::make_shared<Named>("own", seen_));
  EXPECT_EQ(handler_of({"FLUSHALL"}), "own");
  denied_.set({});
  EXPECT_EQ(handler_of({"FLUSHALL"}), "subscribed");
}

TEST_F(DispatcherTest, ContainerWithoutSubcommandIsLeftToRedis) {
  EXPECT_EQ(handler_of({"CONFIG"}), "forward");
  EXPECT_EQ(handler_of({"CLIENT"}), "forward");
}

TEST_F(DispatcherTest, HandlersSeeTheRowOfTheSubcommand) {
  class Row final : public Handler {
   public:
    Taken handle(Client&, Request& request) override {
      name = request.command == nullptr ? "none" : request.command->name;
      return Taken::later;
    }
    std::string name;
  } row;
  dispatcher_.route("config|get", row);
  EXPECT_EQ(handler_of({"CONFIG", "GET", "a"}), "");
  EXPECT_EQ(row.name, "config|get");
}

}  // namespace
}  // namespace hawser
