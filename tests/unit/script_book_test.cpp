#include "proxy/upstream/script_book.hpp"

#include <gtest/gtest.h>

#include "protocol/request_parser.hpp"

namespace hawser {
namespace {

std::string encoded(const std::vector<std::string_view>& words) {
  std::string out;
  protocol::append_command(out, words);
  return out;
}

TEST(ScriptBook, DigestIsThatOfRedis) {
  ScriptBook book;
  EXPECT_EQ(book.add("return 1").digest, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

TEST(ScriptBook, AnUnknownDigestIsSentAsTheWholeScript) {
  ScriptBook book;
  Script& script = book.add("return KEYS[1]");
  script.is_loaded = true;
  EXPECT_EQ(book.to_eval(encoded({"EVALSHA", script.digest, "1", "k", "EVALSHA"})),
            encoded({"EVAL", "return KEYS[1]", "1", "k", "EVALSHA"}));
  EXPECT_FALSE(script.is_loaded);
}

TEST(ScriptBook, EveryOtherRequestStaysAsItIs) {
  ScriptBook book;
  book.add("return 1");
  const std::string foreign(40, 'a');
  for (const std::string& request :
       {encoded({"EVALSHA", foreign, "0"}), encoded({"GET", "EVALSHA"}), std::string("PING\r\n"),
        std::string(), std::string("*3\r\n$7\r\nEVALSHA\r\n$40\r\n")}) {
    EXPECT_EQ(book.to_eval(request), request);
  }
}

TEST(ScriptBook, AnotherRunOfTheServerKnowsNothing) {
  ScriptBook book;
  Script& script = book.add("return 1");
  book.on_server("aaaa");
  script.is_loaded = true;
  book.on_server("aaaa");
  EXPECT_TRUE(script.is_loaded);
  book.on_server("bbbb");
  EXPECT_FALSE(script.is_loaded);
  script.is_loaded = true;
  book.on_server("");
  EXPECT_FALSE(script.is_loaded);
}

TEST(ScriptBook, ServersAreToldApartByTheirRunId) {
  EXPECT_EQ(server_number(""), 0U);
  EXPECT_EQ(server_number("00000000000000ff0000"), 0xffU);
  EXPECT_NE(server_number("fd1a9e0c8b7a6f5e4d3c2b1a0f9e8d7c6b5a4938"),
            server_number("fd1a9e0c8b7a6f5f4d3c2b1a0f9e8d7c6b5a4938"));
}

}  // namespace
}  // namespace hawser
