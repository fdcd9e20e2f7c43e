#include "proxy/downstream/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>

#include "proxy/downstream/client_registry.hpp"
#include "proxy/runtime/connector.hpp"

namespace hawser {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto kAcceptPause = std::chrono::milliseconds(100);
/// Clients accepted in one turn at most, so that a storm of them does not starve the others.
constexpr int kAcceptBatch = 256;

std::string system_error(std::string_view what, int error) {
  return std::string(what) + ": " + std::strerror(error);
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Impl> {
  Impl(DownstreamParts& owner_parts, const config::ListenUrl& address, std::uint32_t permissions)
      : parts(owner_parts),
        url(address),
        unix_mode(permissions),
        descriptor(owner_parts.loop.io()),
        pause(owner_parts.loop, [this] { accept_next(); }) {}

  std::string bind_tcp();
  std::string bind_unix();
  std::string listen_on(int fd);
  void accept_next();
  void accept_ready();
  void admit(int fd);
  void stop();

  DownstreamParts& parts;
  config::ListenUrl url;
  const std::uint32_t unix_mode;
  DownstreamStats::Listener* stats = nullptr;
  asio::posix::stream_descriptor descriptor;
  Timer pause;
  ino_t inode = 0;
  RateLimit log_limit;
  bool stopped = false;
};

std::string Listener::Impl::bind_tcp() {
  error_code error;
  asio::ip::tcp::resolver resolver(parts.loop.io());
  const auto found =
      resolver.resolve(url.host, std::to_string(url.port), asio::ip::resolver_base::passive, error);
  if (error) return url.host + ": " + error.message();
  const auto endpoint = found.begin()->endpoint();
  const int fd =
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  const int one = 1;
  (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    const int why = errno;
    ::close(fd);
    return system_error("cannot listen on " + url.text(), why);
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (url.port == 0 && ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) == 0) {
    asio::ip::tcp::endpoint actual;
    std::memcpy(actual.data(), &bound, length);
    url.port = actual.port();
  }
  return listen_on(fd);
}

std::string Listener::Impl::bind_unix() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string temporary = url.path + "." + std::to_string(::getpid());
  if (temporary.size() >= sizeof address.sun_path) return "path too long: " + url.path;

  struct stat existing {};
  if (::lstat(url.path.c_str(), &existing) == 0) {
    if (!S_ISSOCK(existing.st_mode)) return url.path + " exists and is no socket";
    // A stale socket is replaced; one that somebody answers on is not.
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::memcpy(address.sun_path, url.path.c_str(), url.path.size() + 1);
    const bool alive =
        probe >= 0 && ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    if (probe >= 0) ::close(probe);
    if (alive) return url.path + " is in use by another process";
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  std::memcpy(address.sun_path, temporary.c_str(), temporary.size() + 1);
  (void)::unlink(temporary.c_str());
  std::string problem;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    problem = system_error("cannot listen on " + url.path, errno);
  } else if (::chmod(temporary.c_str(), unix_mode) != 0) {
    problem = system_error("cannot set the mode of " + url.path, errno);
  }
  if (problem.empty()) problem = listen_on(::dup(fd));
  ::close(fd);
  if (problem.empty() && ::rename(temporary.c_str(), url.path.c_str()) != 0) {
    problem = system_error("cannot create " + url.path, errno);
    stop();
  }
  if (!problem.empty()) {
    (void)::unlink(temporary.c_str());
    return problem;
  }
  struct stat own {};
  if (::lstat(url.path.c_str(), &own) == 0) inode = own.st_ino;
  return {};
}

std::string Listener::Impl::listen_on(int fd) {
  if (fd < 0) return system_error("socket", errno);
  if (::listen(fd, SOMAXCONN) != 0) {
    const int why = errno;
    ::close(fd);
    return system_error("listen", why);
  }
  descriptor.assign(fd);
  parts.stats.listeners.push_back(std::make_unique<DownstreamStats::Listener>());
  stats = parts.stats.listeners.back().get();
  stats->name = url.text();
  stats->path = url.path;
  stats->is_local = url.transport == config::ListenUrl::Transport::unix_socket;
  accept_next();
  return {};
}

void Listener::Impl::accept_next() {
  if (stopped) return;
  descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const error_code& error) {
                          if (error || self->stopped) return;
                          self->parts.loop.enter_turn();
                          self->accept_ready();
                        });
}

void Listener::Impl::accept_ready() {
  for (int i = 0; i < kAcceptBatch; ++i) {
    const int fd =
        ::accept4(descriptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      admit(fd);
      continue;
    }
    const int why = errno;
    if (why == EAGAIN || why == EWOULDBLOCK) break;
    if (why == ECONNABORTED || why == EINTR) continue;
    parts.stats.rejected_system.add();
    std::uint64_t suppressed = 0;
    if (log_limit.allow(parts.loop.now(), suppressed)) {
      parts.log.error("cannot accept a client",
                      {{"reason", errno_name(why)}, {"suppressed", suppressed}});
    }
    pause.set(parts.loop.now() + kAcceptPause);
    return;
  }
  accept_next();
}

void Listener::Impl::admit(int fd) {
  if (parts.registry.size() >= parts.settings.clients.max) {
    parts.stats.rejected_full.add();
    const std::string refusal = failure_reply(Failure::max_clients);
    (void)::send(fd, refusal.data(), refusal.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(fd);
    return;
  }
  stats->accepted.add();
  auto session = std::make_shared<ClientSession>(parts, parts.registry.next_id(), fd, *stats);
  parts.registry.add(session);
  session->start();
}

void Listener::Impl::stop() {
  if (stopped) return;
  stopped = true;
  pause.cancel();
  error_code ignored;
  descriptor.close(ignored);
  struct stat now {};
  if (inode != 0 && ::lstat(url.path.c_str(), &now) == 0 && now.st_ino == inode) {
    (void)::unlink(url.path.c_str());
  }
}

Listener::Listener(DownstreamParts& parts, const config::ListenUrl& url, std::uint32_t unix_mode)
    : impl_(std::make_shared<Impl>(parts, url, unix_mode)) {}

Listener::~Listener() {
  stop();
}

std::string Listener::start() {
  return impl_->url.transport == config::ListenUrl::Transport::unix_socket ? impl_->bind_unix()
                                                                           : impl_->bind_tcp();
}

void Listener::stop() {
  impl_->stop();
}

const config::ListenUrl& Listener::url() const {
  return impl_->url;
}

}  // namespace hawser
