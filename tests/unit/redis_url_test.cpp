#include "config/redis_url.hpp"

#include <gtest/gtest.h>

#include "config/redaction.hpp"

namespace hawser::config {
namespace {

using Transport = RedisUrl::Transport;

RedisUrl good(std::string_view text) {
  auto url = parse_redis_url(text);
  if (!url) {
    ADD_FAILURE() << text << ": " << url.error().message;
    return {};
  }
  return *url;
}

std::string problem(std::string_view text) {
  auto url = parse_redis_url(text);
  return url ? "no problem" : url.error().message;
}

std::string listen_problem(std::string_view text) {
  auto url = parse_listen_url(text);
  return url ? "no problem" : url.error().message;
}

TEST(RedisUrl, HostAloneGetsDefaults) {
  const auto url = good("redis://redis.internal");
  EXPECT_EQ(url.transport, Transport::tcp);
  EXPECT_EQ(url.host, "redis.internal");
  EXPECT_EQ(url.port, 6379);
  EXPECT_EQ(url.user, "");
  EXPECT_EQ(url.password, "");
  EXPECT_EQ(url.db, 0);
}

TEST(RedisUrl, EveryPartIsRead) {
  const auto url = good("redis://app:s3cret@10.0.0.1:7000/12");
  EXPECT_EQ(url.user, "app");
  EXPECT_EQ(url.password, "s3cret");
  EXPECT_EQ(url.host, "10.0.0.1");
  EXPECT_EQ(url.port, 7000);
  EXPECT_EQ(url.db, 12);
}

TEST(RedisUrl, SchemesChooseTheTransportInAnyCase) {
  EXPECT_EQ(good("valkey://h").transport, Transport::tcp);
  EXPECT_EQ(good("REDIS://h").transport, Transport::tcp);
  EXPECT_EQ(good("rediss://h").transport, Transport::tls);
  EXPECT_EQ(good("valkeys://h").transport, Transport::tls);
  EXPECT_EQ(good("unix:///s").transport, Transport::unix_socket);
}

TEST(RedisUrl, UserAndPasswordArePercentDecoded) {
  const auto url = good("redis://a%2fb:p%40s%3As%20%25@h");
  EXPECT_EQ(url.user, "a/b");
  EXPECT_EQ(url.password, "p@s:s %");
}

TEST(RedisUrl, LastAtSignEndsThePassword) {
  const auto url = good("redis://:p@ss@h:1");
  EXPECT_EQ(url.password, "p@ss");
  EXPECT_EQ(url.host, "h");
}

TEST(RedisUrl, EmptyUserInfoIsNoUserAndNoPassword) {
  EXPECT_EQ(good("redis://:@h").password, "");
  EXPECT_EQ(good("redis://@h").user, "");
  EXPECT_EQ(good("redis://app:@h").user, "app");
}

TEST(RedisUrl, Ipv6StandsInBrackets) {
  const auto url = good("redis://[::1]:7000/1");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 7000);
  EXPECT_EQ(url.redacted(), "redis://[::1]:7000/1");
  EXPECT_EQ(good("redis://[fe80::1%25eth0]").host, "fe80::1%eth0");
}

TEST(RedisUrl, DatabaseMayBeAnOption) {
  EXPECT_EQ(good("redis://h?db=3").db, 3);
  EXPECT_EQ(good("redis://h/?db=3").db, 3);
  EXPECT_EQ(good("redis://h/").db, 0);
  EXPECT_EQ(good("redis://h/0?").db, 0);
}

TEST(RedisUrl, UnixSocketHasPathDatabaseAndCredentials) {
  const auto url = good("unix://app:pw@/run/re%20dis.sock?db=4");
  EXPECT_EQ(url.path, "/run/re dis.sock");
  EXPECT_EQ(url.user, "app");
  EXPECT_EQ(url.password, "pw");
  EXPECT_EQ(url.db, 4);
  EXPECT_EQ(url.redacted(), "unix://app:***@/run/re%20dis.sock?db=4");
  EXPECT_EQ(good("unix:///run/redis@1.sock").path, "/run/redis@1.sock");
}

TEST(RedisUrl, UnixPathEndsAtTheLimitOfTheSystem) {
  EXPECT_EQ(good("unix:///" + std::string(106, 'x')).path.size(), 107u);
  EXPECT_EQ(problem("unix:///" + std::string(107, 'x')),
            "the path of the Unix socket is too long (got 108 bytes, want at most 107)");
}

TEST(RedisUrl, WhatIsWrongIsSaid) {
  EXPECT_EQ(problem(""), "the Redis URL is empty");
  EXPECT_EQ(problem("redis://my host"),
            "the Redis URL contains white space at character 11 (write %20 where it belongs to a "
            "name or password)");
  EXPECT_EQ(problem("redis://h\n"),
            "the Redis URL contains white space at character 10 (write %20 where it belongs to a "
            "name or password)");
  EXPECT_EQ(problem("localhost:6379"),
            "the Redis URL has no scheme (write it like redis://127.0.0.1:6379/0)");
  EXPECT_EQ(problem("/run/redis.sock"),
            "the Redis URL has no scheme (for a Unix socket write unix:///path)");
  EXPECT_EQ(problem("http://h"),
            "wrong scheme (got http://, want redis://, rediss://, valkey://, valkeys:// or "
            "unix://)");
  EXPECT_EQ(problem("redis://"), "no host (write it like redis://127.0.0.1:6379/0)");
  EXPECT_EQ(problem("redis:///0"), "no host (write it like redis://127.0.0.1:6379/0)");
  EXPECT_EQ(problem("redis://:6379"), "no host (write it like redis://127.0.0.1:6379/0)");
  EXPECT_EQ(problem("redis://value@h"),
            "ambiguous 'value@host': user name or password? (write user:@host for a user name, "
            ":password@host for a password)");
  EXPECT_EQ(problem("redis://h/1?db=1"), "the database is named twice (in the path and as db=)");
  EXPECT_EQ(problem("redis://h?db=1&db=1"), "the database is named twice (two db= after the '?')");
  EXPECT_EQ(problem("redis://h?timeout=5"),
            "unknown option 'timeout' after the '?' (there is only db)");
  EXPECT_EQ(problem("redis://h1,h2"), "several hosts (this kind of URL names one server)");
  EXPECT_EQ(problem("redis://::1:6379"),
            "several ':' in the host (an IPv6 address is written in brackets: [::1])");
  EXPECT_EQ(problem("redis://[::1"), "the '[' before the host has no ']'");
  EXPECT_EQ(problem("redis://[h]"), "the host in brackets is not an IPv6 address");
  EXPECT_EQ(problem("redis://[::1]6379"), "only a port may follow the ']'");
  EXPECT_EQ(problem("redis://h#1"),
            "'/', '?' or '#' in a user name or password must be percent-encoded (%2F, %3F, %23)");
  EXPECT_EQ(problem("redis://h/0#1"), "a '#' is not part of a Redis URL (write %23 in a name)");
  EXPECT_EQ(problem("redis://:%zz@h"),
            "a '%' in the user name or password is not followed by two hexadecimal digits (a '%' "
            "itself is written %25)");
  EXPECT_EQ(problem("redis://a%20b:p@h"),
            "the user name contains white space or a zero byte, which Redis does not allow");
  EXPECT_EQ(problem("unix://run/redis.sock"),
            "a Unix socket wants an absolute path after '//' (write it like "
            "unix:///run/redis/redis.sock?db=0)");
  EXPECT_EQ(problem("unix:///run/"), "the path names a directory, not a Unix socket");
}

TEST(RedisUrl, PortIsANumberThatFits) {
  for (const auto* text : {"redis://h:", "redis://h:x", "redis://h:65536", "redis://h:-1",
                           "redis://h:+1", "redis://h:1x"}) {
    EXPECT_EQ(problem(text), "bad port (want a number from 0 to 65535)") << text;
  }
  EXPECT_EQ(problem("redis://h:0"), "bad port (want a number from 1 to 65535)");
  EXPECT_EQ(good("redis://h:65535").port, 65535);
}

TEST(RedisUrl, DatabaseIsANumberThatFits) {
  for (const auto* text : {"redis://h/x", "redis://h/-1", "redis://h/1/", "redis://h/1/2",
                           "redis://h/2147483648", "redis://h?db="}) {
    EXPECT_EQ(problem(text), "bad database (want a number such as 0)") << text;
  }
}

TEST(RedisUrl, WhatIsNotSupportedYetIsNamed) {
  const std::string rest = ":// is not supported yet (name one server: redis://, unix://)";
  EXPECT_EQ(problem("redis+sentinel://h:26379,h2/mymaster/0"), "redis+sentinel" + rest);
  EXPECT_EQ(problem("redis+cluster://h"), "redis+cluster" + rest);
}

TEST(RedisUrl, NoMessageTellsAPassword) {
  for (const auto* text :
       {"redis://app:hunter2", "redis://app:hun/hunter2@h", "redis://:hunter2", "hunter2",
        "redis://hunter2@h", "redis://:hunter2@h:x", "redis://:hunter2@h/x", ":hunter2@h:1",
        "redis://:hunter2@", "redis://:hunter2@h?hunter2", "redis://:hun#hunter2@h",
        "redis://app:1/hunter2", "redis://:%hunter2@h", "redis://:hunter2 @h"}) {
    EXPECT_EQ(problem(text).find("hunter2"), std::string::npos) << problem(text);
    EXPECT_NE(problem(text), "no problem") << text;
  }
}

TEST(RedisUrl, RedactedNeverHasThePassword) {
  EXPECT_EQ(good("redis://app:hunter2@h/3").redacted(), "redis://app:***@h:6379/3");
  EXPECT_EQ(good("rediss://:hunter2@h").redacted(), "rediss://:***@h:6379/0");
  EXPECT_EQ(good("redis://app:@h").redacted(), "redis://app:@h:6379/0");
  EXPECT_EQ(good("redis://h").redacted(), "redis://h:6379/0");
}

TEST(Redaction, UnreadableUrlIsHiddenAsAWhole) {
  EXPECT_EQ(redact_url("redis://:hunter2@h"), "redis://:***@h:6379/0");
  EXPECT_EQ(redact_url("redis://app:hunter2"), "(unreadable URL)");
  EXPECT_EQ(redact_url(""), "");
}

TEST(ListenUrl, TcpAndUnixAreRead) {
  const auto tcp = parse_listen_url("tcp://127.0.0.1:6380");
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->transport, ListenUrl::Transport::tcp);
  EXPECT_EQ(tcp->host, "127.0.0.1");
  EXPECT_EQ(tcp->port, 6380);
  EXPECT_EQ(tcp->text(), "tcp://127.0.0.1:6380");

  const auto ipv6 = parse_listen_url("tcp://[::]:0");
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(ipv6->host, "::");
  EXPECT_EQ(ipv6->port, 0);
  EXPECT_EQ(ipv6->text(), "tcp://[::]:0");

  const auto local = parse_listen_url("unix:///run/hawser/redis.sock");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->transport, ListenUrl::Transport::unix_socket);
  EXPECT_EQ(local->path, "/run/hawser/redis.sock");
  EXPECT_EQ(local->text(), "unix:///run/hawser/redis.sock");
}

TEST(ListenUrl, WhatIsWrongIsSaid) {
  EXPECT_EQ(listen_problem(""), "the listener URL is empty");
  EXPECT_EQ(listen_problem("6380"),
            "the listener URL has no scheme (write it like tcp://127.0.0.1:6380)");
  EXPECT_EQ(listen_problem("tls://h:1"), "tls:// listeners are not available yet");
  EXPECT_EQ(listen_problem("redis://h:1"), "wrong scheme (got redis://, want tcp:// or unix://)");
  EXPECT_EQ(listen_problem("tcp://h"), "no port (write it like tcp://127.0.0.1:6380)");
  EXPECT_EQ(listen_problem("tcp://:6380"), "no host (write it like tcp://127.0.0.1:6380)");
  EXPECT_EQ(listen_problem("tcp://*:6380"),
            "'*' is not a host (write 0.0.0.0 or [::] for every address)");
  EXPECT_EQ(listen_problem("tcp://h:1/0"), "a tcp:// listener URL has no path");
  EXPECT_EQ(listen_problem("tcp://h:1?db=0"), "a listener URL has no options after a '?'");
  EXPECT_EQ(listen_problem("tcp://u:p@h:1"), "a listener URL has no user name or password");
  EXPECT_EQ(listen_problem("unix://"),
            "no path of a Unix socket (write it like unix:///run/hawser/redis.sock)");
  EXPECT_EQ(listen_problem("unix:///" + std::string(107, 'x')),
            "the path of the Unix socket is too long (got 108 bytes, want at most 107)");
}

}  // namespace
}  // namespace hawser::config
