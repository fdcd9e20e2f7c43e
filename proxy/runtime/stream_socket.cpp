#include "proxy/runtime/stream_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>

#include "proxy/runtime/loop.hpp"

namespace hawser {

namespace asio = boost::asio;

using Socket =
    asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;

struct StreamSocket::Impl {
  explicit Impl(asio::io_context& io) : socket(io.get_executor()) {}
  Socket socket;
};

namespace {

void set_option(int descriptor, int level, int name, int value) {
  // A failure leaves the system's default, which works as well, only slower or later.
  (void)::setsockopt(descriptor, level, name, &value, sizeof value);
}

IoResult outcome(ssize_t n) {
  if (n >= 0) return {IoResult::Status::ok, static_cast<std::size_t>(n)};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Status::blocked};
  return {IoResult::Status::failed, 0, errno};
}

/// host:port, "unix" or "?", by getpeername() or getsockname().
std::string name_by(int (*get)(int, sockaddr*, socklen_t*), int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (get(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "?";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  return "unix";
}

}  // namespace

StreamSocket::StreamSocket(Loop& loop, int descriptor)
    : loop_(loop), impl_(std::make_unique<Impl>(loop.io())), descriptor_(descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  int family = AF_UNIX;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    family = address.ss_family;
  }
  if (family != AF_UNIX) {
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 4);
  }
  impl_->socket.assign(asio::generic::stream_protocol(family, 0), descriptor);
  impl_->socket.native_non_blocking(true);
}

StreamSocket::~StreamSocket() {
  close();
}

void StreamSocket::wait_readable(std::shared_ptr<SocketOwner> owner) {
  impl_->socket.async_wait(
      Socket::wait_read, [this, owner = std::move(owner)](const boost::system::error_code& error) {
        // Closed in the same turn: the event had been fetched already.
        if (error || !is_open()) return;
        loop_.enter_turn();
        owner->on_readable();
      });
}

void StreamSocket::wait_writable(std::shared_ptr<SocketOwner> owner) {
  impl_->socket.async_wait(
      Socket::wait_write, [this, owner = std::move(owner)](const boost::system::error_code& error) {
        if (error || !is_open()) return;
        loop_.enter_turn();
        owner->on_writable();
      });
}

IoResult StreamSocket::receive(char* into, std::size_t room) {
  const ssize_t n = ::recv(descriptor_, into, room, 0);
  if (n == 0) return {IoResult::Status::ended};
  return outcome(n);
}

IoResult StreamSocket::send(const char* bytes, std::size_t size) {
  return outcome(::send(descriptor_, bytes, size, MSG_NOSIGNAL));
}

IoResult StreamSocket::send(const iovec* pieces, int count) {
  if (count == 1) return send(static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return outcome(::sendmsg(descriptor_, &message, MSG_NOSIGNAL));
}

bool StreamSocket::peer_has_ended() const {
  pollfd state{descriptor_, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::string StreamSocket::peer_name() const {
  return name_by(::getpeername, descriptor_);
}

std::string StreamSocket::local_name() const {
  return name_by(::getsockname, descriptor_);
}

void StreamSocket::shutdown_send() {
  (void)::shutdown(descriptor_, SHUT_WR);
}

void StreamSocket::close() {
  if (!is_open()) return;
  descriptor_ = -1;
  boost::system::error_code ignored;
  impl_->socket.close(ignored);
}

}  // namespace hawser
