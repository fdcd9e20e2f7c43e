#include "proxy/admin/http_server.hpp"

#include <pthread.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <list>
#include <thread>
#include <utility>

namespace hawser {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kOperationTime(5);
constexpr std::chrono::seconds kLingerTime(1);
constexpr std::chrono::milliseconds kAcceptPause(100);
constexpr std::size_t kMaxConnections = 64;
constexpr std::uint32_t kMaxHeadBytes = 8 * 1024;
constexpr std::uint64_t kMaxBodyBytes = 4 * 1024;

struct HostPort {
  std::string host;
  std::string port;
};

/// Of "host:port", "[v6]:port"; nothing if it is neither.
std::optional<HostPort> split_host_port(std::string_view listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = listen.substr(0, colon);
  const std::string_view port = listen.substr(colon + 1);
  if (host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  std::uint16_t number = 0;
  const auto result = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || result.ec != std::errc() || result.ptr != port.data() + port.size()) {
    return std::nullopt;
  }
  return HostPort{std::string(host), std::to_string(number)};
}

using Response = http::response<http::string_body>;

Response to_beast(HttpResponse&& answer, bool head, bool keep_alive) {
  Response response;
  response.result(answer.status);
  response.set(http::field::content_type,
               beast::string_view(answer.content_type.data(), answer.content_type.size()));
  if (!answer.allow.empty()) {
    response.set(http::field::allow, beast::string_view(answer.allow.data(), answer.allow.size()));
  }
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(keep_alive);
  // HEAD: the length of the body there would be, and no body.
  response.content_length(answer.body.size());
  if (!head) response.body() = std::move(answer.body);
  return response;
}

/// What a request that could not be read gets; nothing if there is nobody to tell.
std::optional<HttpResponse> refusal(const error_code& error) {
  HttpResponse response;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    response.status = 431;
    response.body = "request head too large\n";
  } else if (error == http::error::body_limit) {
    response.status = 413;
    response.body = "request body too large\n";
  } else if (error == http::error::end_of_stream || error == http::error::partial_message ||
             error.category() != http::make_error_code(http::error::bad_method).category()) {
    return std::nullopt;
  } else {
    response.status = 400;
    response.body = "bad request: " + error.message() + "\n";
  }
  return response;
}

}  // namespace

/// All but the constructor, bind() and stop() runs on the thread.
struct HttpServer::Impl {
  Impl(Responder r, Logger& l) : responder(std::move(r)), log(l) {}

  std::optional<std::string> bind(std::string_view listen);
  void run();
  void close_all();
  asio::awaitable<void> accept_loop();
  asio::awaitable<void> serve(std::list<beast::tcp_stream>::iterator connection);
  asio::awaitable<void> exchange(beast::tcp_stream& stream);
  HttpResponse respond(const HttpRequest& request);

  Responder responder;
  Logger& log;
  RateLimit accept_errors;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  asio::steady_timer pause{io};
  std::list<beast::tcp_stream> connections;  // oldest first
  bool stopping = false;
  std::uint16_t port = 0;
  std::thread thread;
};

std::optional<std::string> HttpServer::Impl::bind(std::string_view listen) {
  const auto problem = [&](const std::string& what) {
    return "cannot listen for HTTP on \"" + std::string(listen) + "\": " + what;
  };
  const std::optional<HostPort> wanted = split_host_port(listen);
  if (!wanted) return problem("not HOST:PORT (IPv6 addresses in brackets, ports up to 65535)");
  error_code error;
  const auto found =
      tcp::resolver(io).resolve(wanted->host, wanted->port, tcp::resolver::passive, error);
  if (error) return problem(error.message());
  const tcp::endpoint endpoint = found.begin()->endpoint();
  if (acceptor.open(endpoint.protocol(), error); error) return problem(error.message());
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) port = acceptor.local_endpoint(error).port();
  if (!error) return std::nullopt;
  error_code ignored;
  acceptor.close(ignored);
  return problem(error.message());
}

void HttpServer::Impl::run() {
  // The process' signals are for the main thread.
  ::sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (true) {
    try {
      io.run();
      return;
    } catch (const std::exception& problem) {
      log.error("admin server failed, goes on", {{"error", problem.what()}});
    }
  }
}

void HttpServer::Impl::close_all() {
  stopping = true;
  error_code ignored;
  acceptor.close(ignored);
  pause.cancel();
  for (beast::tcp_stream& stream : connections) stream.close();
}

asio::awaitable<void> HttpServer::Impl::accept_loop() {
  while (!stopping) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (stopping) co_return;
    if (error) {
      std::uint64_t suppressed = 0;
      if (accept_errors.allow(std::chrono::steady_clock::now(), suppressed)) {
        log.warn("admin server cannot accept",
                 {{"error", error.message()}, {"suppressed", suppressed}});
      }
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAwait);
      continue;
    }
    // Closing only makes its operations fail; the entry goes when its coroutine ends.
    if (connections.size() >= kMaxConnections) connections.front().close();
    connections.emplace_back(std::move(socket));
    asio::co_spawn(io, serve(std::prev(connections.end())), [](std::exception_ptr problem) {
      if (problem) std::rethrow_exception(problem);
    });
  }
}

asio::awaitable<void> HttpServer::Impl::serve(std::list<beast::tcp_stream>::iterator connection) {
  std::exception_ptr problem;
  try {
    co_await exchange(*connection);
  } catch (...) {
    problem = std::current_exception();
  }
  connections.erase(connection);
  if (problem) std::rethrow_exception(problem);
}

asio::awaitable<void> HttpServer::Impl::exchange(beast::tcp_stream& stream) {
  beast::flat_buffer buffer(kMaxHeadBytes + kMaxBodyBytes);
  bool keep_alive = true;
  while (keep_alive && !stopping) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kMaxHeadBytes);
    parser.body_limit(kMaxBodyBytes);
    stream.expires_after(kOperationTime);
    const auto [error, read] = co_await http::async_read(stream, buffer, parser, kAwait);
    std::optional<HttpResponse> answer;
    bool head = false;
    if (error) {
      answer = refusal(error);
      keep_alive = false;
    } else {
      const auto& request = parser.get();
      const auto view = [](beast::string_view text) {
        return std::string_view(text.data(), text.size());
      };
      head = request.method() == http::verb::head;
      keep_alive = request.keep_alive();
      answer = respond({view(request.method_string()), view(request.target()),
                        view(request[http::field::host]), view(request[http::field::origin])});
    }
    if (!answer || stopping) co_return;
    Response response = to_beast(std::move(*answer), head, keep_alive);
    http::response_serializer<http::string_body> serializer(response);
    serializer.split(head);
    stream.expires_after(kOperationTime);
    if (head) {
      const auto [failed, sent] = co_await http::async_write_header(stream, serializer, kAwait);
      if (failed) co_return;
    } else {
      const auto [failed, sent] = co_await http::async_write(stream, serializer, kAwait);
      if (failed) co_return;
    }
  }
  // A close with unread input resets the connection, and the peer may lose the answer by it: read
  // away what it still sends, for a short while.
  error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream.expires_after(kLingerTime);
  while (!stopping) {
    buffer.clear();
    const auto [failed, count] =
        co_await stream.async_read_some(buffer.prepare(kMaxBodyBytes), kAwait);
    if (failed) co_return;
  }
}

HttpResponse HttpServer::Impl::respond(const HttpRequest& request) {
  HttpResponse response;
  try {
    response = responder(request);
  } catch (const std::exception& problem) {
    log.error("admin request failed", {{"path", request.target}, {"error", problem.what()}});
    response.status = 500;
    response.body = "internal error\n";
  }
  return response;
}

HttpServer::HttpServer(Responder responder, Logger& log)
    : impl_(std::make_unique<Impl>(std::move(responder), log)) {}

HttpServer::~HttpServer() {
  stop();
}

std::optional<std::string> HttpServer::start(std::string_view listen) {
  if (auto problem = impl_->bind(listen)) return problem;
  asio::co_spawn(impl_->io, impl_->accept_loop(), [](std::exception_ptr problem) {
    if (problem) std::rethrow_exception(problem);
  });
  impl_->thread = std::thread([this] { impl_->run(); });
  return std::nullopt;
}

std::uint16_t HttpServer::port() const {
  return impl_->port;
}

void HttpServer::stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [this] { impl_->close_all(); });
  impl_->thread.join();
}

}  // namespace hawser
