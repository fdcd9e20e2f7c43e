#include "proxy/traffic/client_names.hpp"

#include <gtest/gtest.h>

namespace hawser {
namespace {

TEST(ClientNames, PrintableNamesAndTheEmptyOneAreTaken) {
  EXPECT_TRUE(is_valid_client_name(""));
  EXPECT_TRUE(is_valid_client_name("worker-1:orders/queue"));
  EXPECT_TRUE(is_valid_client_name("!~"));
}

TEST(ClientNames, BlanksLineEndsAndBytesBeyondAsciiAreNot) {
  EXPECT_FALSE(is_valid_client_name("a b"));
  EXPECT_FALSE(is_valid_client_name("a\n"));
  EXPECT_FALSE(is_valid_client_name("a\r\nb"));
  EXPECT_FALSE(is_valid_client_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_valid_client_name("\x7f"));
  EXPECT_FALSE(is_valid_client_name("caf\xc3\xa9"));
}

}  // namespace
}  // namespace hawser
