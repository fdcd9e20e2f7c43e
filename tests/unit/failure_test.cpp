#include "proxy/traffic/failure.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace hawser {
namespace {

TEST(Failure, TextsAreThoseOfTheContract) {
  EXPECT_EQ(failure_reply(Failure::circuit_open, 1000),
            "-PROXYOPEN circuit open, command not executed, retry in 1000 ms (ECONNREFUSED)\r\n");
  EXPECT_EQ(failure_reply(Failure::down),
            "-PROXYDOWN no upstream connection, command not executed (ECONNREFUSED)\r\n");
  EXPECT_EQ(failure_reply(Failure::timeout, 3000),
            "-PROXYTIMEOUT no reply within 3000 ms, outcome unknown\r\n");
  EXPECT_EQ(failure_reply(Failure::lost),
            "-PROXYLOST upstream connection lost, outcome unknown\r\n");
  EXPECT_EQ(failure_reply(Failure::full_pinned),
            "-PROXYFULL pinned.max reached, command not executed\r\n");
  EXPECT_EQ(failure_reply(Failure::denied), "-NOPERM command denied by proxy policy\r\n");
  EXPECT_EQ(failure_reply(Failure::max_clients), "-ERR max number of clients reached\r\n");
}

TEST(Failure, OutagesHaveNoWordThatClientLibrariesLookFor) {
  for (const FailureRow& row : all_failures()) {
    if (!row.text.starts_with("PROXY")) continue;
    for (const std::string_view word :
         {"NOSCRIPT", "READONLY", "LOADING", "MOVED", "ASK", "NOPERM", "NOPROTO", "ERR "}) {
      EXPECT_EQ(row.text.find(word), std::string_view::npos) << row.text << " has " << word;
    }
  }
}

TEST(Failure, OnlyWhatWasNotExecutedLooksLikeAConnectionError) {
  for (const FailureRow& row : all_failures()) {
    if (row.text.find("ECONNREFUSED") != std::string_view::npos) {
      EXPECT_EQ(row.outcome, Outcome::not_executed) << row.text;
    }
    const bool says_unknown = row.text.find("outcome unknown") != std::string_view::npos;
    EXPECT_EQ(says_unknown, row.outcome == Outcome::unknown) << row.text;
  }
}

TEST(Failure, LabelsAreUnique) {
  std::set<std::string_view> labels;
  for (const FailureRow& row : all_failures()) EXPECT_TRUE(labels.insert(row.label).second);
}

TEST(Failure, TextsAreConstantButForTheirNumber) {
  for (const FailureRow& row : all_failures()) {
    const std::string reply = failure_reply(row.failure, 12345);
    EXPECT_TRUE(reply.starts_with('-') && reply.ends_with("\r\n")) << reply;
    EXPECT_EQ(reply.find_first_of("{}"), std::string::npos) << reply;
    EXPECT_EQ(reply.find('\n'), reply.size() - 1) << reply;
    const bool has_number = row.text.find("{}") != std::string_view::npos;
    EXPECT_EQ(reply.find("12345") != std::string::npos, has_number) << reply;
    EXPECT_EQ(&failure_row(row.failure), &row);
  }
}

TEST(Failure, WhatIsCountedAgainstTheUpstreamIsNoLimitOfHawser) {
  for (const FailureRow& row : all_failures()) {
    if (row.text.starts_with("PROXYFULL")) {
      EXPECT_FALSE(row.hurts_health) << row.text;
    }
    if (row.outcome == Outcome::not_executed && row.text.starts_with("PROXY")) {
      EXPECT_NE(row.text.find("command not executed"), std::string_view::npos) << row.text;
    }
  }
}

}  // namespace
}  // namespace hawser
