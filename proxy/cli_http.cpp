#include "proxy/cli_http.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "config/url_parts.hpp"

namespace hawser {
namespace {

using Clock = std::chrono::steady_clock;

/// An open socket. Lives for one request.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

HttpAnswer failed(std::string why) {
  return {0, std::move(why)};
}

/// Whether `events` came before the deadline; sets errno otherwise.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{fd, events, 0};
    const int ready = poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0) {
      errno = ETIMEDOUT;
      return false;
    }
    if (errno != EINTR) return false;
  }
}

bool connect_within(int fd, const addrinfo& address, Clock::time_point deadline) {
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, deadline)) return false;
  int problem = 0;
  socklen_t size = sizeof problem;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) return false;
  errno = problem;
  return problem == 0;
}

bool send_all(int fd, std::string_view text, Clock::time_point deadline) {
  while (!text.empty()) {
    const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !wait_for(fd, POLLOUT, deadline)) {
      return false;
    }
  }
  return true;
}

/// The status of "HTTP/1.1 200 OK", or 0.
int parse_status(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return 0;
  const auto number = config::url::parse_number(line.substr(9, 3), 599);
  return number && *number >= 100 ? static_cast<int>(*number) : 0;
}

HttpAnswer exchange(int fd, std::string_view request, Clock::time_point deadline) {
  if (!send_all(fd, request, deadline)) return failed(std::strerror(errno));
  std::string received;
  std::array<char, 512> part{};
  while (received.find("\r\n") == std::string::npos && received.size() < 4096) {
    const ssize_t count = recv(fd, part.data(), part.size(), 0);
    if (count > 0) {
      received.append(part.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      return failed("the connection was closed without an answer");
    } else if (errno != EAGAIN || !wait_for(fd, POLLIN, deadline)) {
      return failed(std::strerror(errno));
    }
  }
  const int status = parse_status(received);
  if (status == 0) return failed("the answer is not HTTP");
  return {status, {}};
}

}  // namespace

HttpAnswer http_get(std::string_view address, std::string_view target, Clock::time_point deadline) {
  const auto where = config::url::parse_host_port(address, "127.0.0.1:9380");
  if (!where || !where->port) return failed("not HOST:PORT");

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int problem =
      getaddrinfo(where->host.c_str(), std::to_string(*where->port).c_str(), &hints, &found);
  if (problem != 0) return failed(gai_strerror(problem));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);

  std::string request = "GET " + std::string(target) + " HTTP/1.1\r\nHost: ";
  request += std::string(address) + "\r\nUser-Agent: hawser\r\nConnection: close\r\n\r\n";
  HttpAnswer answer = failed("no address");
  for (const addrinfo* entry = addresses.get(); entry != nullptr; entry = entry->ai_next) {
    const Socket socket_(::socket(
        entry->ai_family, entry->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, entry->ai_protocol));
    if (socket_.fd() < 0 || !connect_within(socket_.fd(), *entry, deadline)) {
      answer = failed(std::strerror(errno));
      continue;
    }
    answer = exchange(socket_.fd(), request, deadline);
    break;
  }
  return answer;
}

}  // namespace hawser
