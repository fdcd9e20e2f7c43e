#include "config/redis_url.hpp"

#include <limits>
#include <optional>

#include "config/url_parts.hpp"

namespace hawser::config {
namespace {

constexpr std::string_view kTcpExample = "redis://127.0.0.1:6379/0";
constexpr std::string_view kUnixExample = "unix:///run/redis/redis.sock?db=0";

UrlError error(std::string message) {
  return UrlError{std::move(message)};
}

UrlResult<RedisUrl::Transport> transport_of(const std::string& scheme) {
  using Transport = RedisUrl::Transport;
  if (scheme == "redis" || scheme == "valkey") return Transport::tcp;
  if (scheme == "rediss" || scheme == "valkeys") return Transport::tls;
  if (scheme == "unix") return Transport::unix_socket;
  if (scheme.find("sentinel") != std::string::npos || scheme.find("cluster") != std::string::npos) {
    return error(scheme + ":// is not supported yet (name one server: redis://, unix://)");
  }
  std::string hint;
  if (scheme == "tcp") hint = "; tcp:// is for listeners";
  if (scheme == "redis+socket" || scheme == "redis-socket" || scheme == "redis+unix") {
    hint = "; a Unix socket is unix:///path?db=0";
  }
  return error("wrong scheme (got " + scheme +
               "://, want redis://, rediss://, valkey://, valkeys:// or unix://" + hint + ")");
}

/// Fills user and password from "user:password".
std::optional<UrlError> read_user_info(std::string_view text, RedisUrl& url) {
  if (text.empty()) return std::nullopt;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    return error(
        "ambiguous 'value@host': user name or password? "
        "(write user:@host for a user name, :password@host for a password)");
  }
  auto user = url::decode(text.substr(0, colon));
  auto password = url::decode(text.substr(colon + 1));
  if (!user || !password) {
    return error(
        "a '%' in the user name or password is not followed by two hexadecimal digits "
        "(a '%' itself is written %25)");
  }
  // Redis' ACL SETUSER refuses such names.
  if (user->find_first_of(std::string_view(" \0\t\r\n", 5)) != std::string::npos) {
    return error("the user name contains white space or a zero byte, which Redis does not allow");
  }
  url.user = std::move(*user);
  url.password = std::move(*password);
  return std::nullopt;
}

/// The database of "db=n&...", if it is there.
UrlResult<std::optional<std::string_view>> read_query(std::string_view query) {
  std::optional<std::string_view> db;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const auto equals = pair.find('=');
    const auto name = pair.substr(0, equals);
    if (equals == std::string_view::npos) return error("an option without '=' after the '?'");
    if (name != "db") {
      return error("unknown option '" + url::encode(name) + "' after the '?' (there is only db)");
    }
    if (db) return error("the database is named twice (two db= after the '?')");
    db = pair.substr(equals + 1);
  }
  return db;
}

std::optional<UrlError> read_database(const url::Parts& parts, RedisUrl& url) {
  const auto in_query = read_query(parts.query);
  if (!in_query) return in_query.error();
  std::string_view text;
  if (url.transport != RedisUrl::Transport::unix_socket && parts.path.size() > 1) {
    if (*in_query) return error("the database is named twice (in the path and as db=)");
    text = parts.path.substr(1);
  } else if (*in_query) {
    text = **in_query;
  } else {
    return std::nullopt;
  }
  const auto number = url::parse_number(text, std::numeric_limits<int>::max());
  if (!number) return error("bad database (want a number such as 0)");
  url.db = static_cast<int>(*number);
  return std::nullopt;
}

}  // namespace

std::string RedisUrl::redacted() const {
  std::string credentials;
  if (!user.empty() || !password.empty()) {
    credentials = url::encode(user) + (password.empty() ? ":@" : ":***@");
  }
  const std::string database = std::to_string(db);
  if (transport == Transport::unix_socket) {
    return "unix://" + credentials + url::encode(path, "/:@") + "?db=" + database;
  }
  const std::string scheme = transport == Transport::tls ? "rediss://" : "redis://";
  return scheme + credentials + url::join_host_port(host, port) + "/" + database;
}

UrlResult<RedisUrl> parse_redis_url(std::string_view text) {
  const auto parts = url::split(text, "Redis URL", kTcpExample);
  if (!parts) return parts.error();
  const auto transport = transport_of(parts->scheme);
  if (!transport) return transport.error();

  RedisUrl url;
  url.transport = *transport;
  if (const auto problem = read_user_info(parts->user_info, url)) return *problem;
  if (url.transport == RedisUrl::Transport::unix_socket) {
    auto path = url::parse_socket_path(*parts, kUnixExample);
    if (!path) return path.error();
    url.path = std::move(*path);
    url.host.clear();
    url.port = 0;
  } else {
    auto where = url::parse_host_port(parts->host_port, kTcpExample);
    if (!where) return where.error();
    if (where->port && *where->port == 0) return error("bad port (want a number from 1 to 65535)");
    url.host = std::move(where->host);
    url.port = where->port.value_or(url.port);
  }
  if (const auto problem = read_database(*parts, url)) return *problem;
  return url;
}

}  // namespace hawser::config
