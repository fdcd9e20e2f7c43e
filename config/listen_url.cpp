#include "config/redis_url.hpp"
#include "config/url_parts.hpp"

namespace hawser::config {
namespace {

constexpr std::string_view kTcpExample = "tcp://127.0.0.1:6380";
constexpr std::string_view kUnixExample = "unix:///run/hawser/redis.sock";

UrlError error(std::string message) {
  return UrlError{std::move(message)};
}

}  // namespace

std::string ListenUrl::text() const {
  if (transport == Transport::unix_socket) return "unix://" + url::encode(path, "/:@");
  return "tcp://" + url::join_host_port(host, port);
}

UrlResult<ListenUrl> parse_listen_url(std::string_view text) {
  const auto parts = url::split(text, "listener URL", kTcpExample);
  if (!parts) return parts.error();
  if (parts->scheme == "tls") return error("tls:// listeners are not available yet");
  if (parts->scheme != "tcp" && parts->scheme != "unix") {
    return error("wrong scheme (got " + parts->scheme + "://, want tcp:// or unix://)");
  }
  if (parts->has_user_info) return error("a listener URL has no user name or password");
  if (parts->has_query) return error("a listener URL has no options after a '?'");

  ListenUrl url;
  if (parts->scheme == "unix") {
    auto path = url::parse_socket_path(*parts, kUnixExample);
    if (!path) return path.error();
    url.transport = ListenUrl::Transport::unix_socket;
    url.path = std::move(*path);
    return url;
  }
  if (parts->path.size() > 1) return error("a tcp:// listener URL has no path");
  if (parts->host_port.starts_with("*")) {
    return error("'*' is not a host (write 0.0.0.0 or [::] for every address)");
  }
  auto where = url::parse_host_port(parts->host_port, kTcpExample);
  if (!where) return where.error();
  if (!where->port) return error("no port (write it like " + std::string(kTcpExample) + ")");
  url.host = std::move(where->host);
  url.port = *where->port;
  return url;
}

}  // namespace hawser::config
