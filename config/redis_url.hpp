#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace hawser::config {

/// Why a URL was not understood, as a sentence for the user; never contains the password.
struct UrlError {
  std::string message;
};

/// A Redis URL taken apart: redis[s]://[user[:password]@]host[:port][/db], valkey[s]://, or
/// unix:///path?db=n. Percent-decoded.
struct RedisUrl {
  enum class Transport : std::uint8_t { tcp, tls, unix_socket };
  Transport transport = Transport::tcp;
  std::string host = "127.0.0.1";  ///< Without brackets for IPv6.
  std::uint16_t port = 6379;
  std::string path;      ///< Of a Unix socket.
  std::string user;      ///< Empty: the default user.
  std::string password;  ///< Empty: none.
  int db = 0;

  /// The URL without its password ("redis://user:***@host:6379/0"); for logs and status.
  std::string redacted() const;
};

/// Result of a parse: the value, or a UrlError.
template <typename T>
using UrlResult = boost::system::result<T, UrlError>;

UrlResult<RedisUrl> parse_redis_url(std::string_view text);

/// Where hawser listens: tcp://host:port, unix:///path (tls:// is refused until it exists).
struct ListenUrl {
  enum class Transport : std::uint8_t { tcp, unix_socket };
  Transport transport = Transport::tcp;
  std::string host;
  std::uint16_t port = 0;  ///< 0: any free port.
  std::string path;

  std::string text() const;
};

UrlResult<ListenUrl> parse_listen_url(std::string_view text);

}  // namespace hawser::config
