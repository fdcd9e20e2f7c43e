#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/admin/endpoints.hpp"
#include "proxy/log.hpp"

namespace hawser {

/// A small HTTP/1.1 server with a thread and an io_context of its own, so that it answers whatever
/// the data loop does. Owned by AdminServer. Every operation has 5 s; heads over 8 KiB and bodies
/// over 4 KiB are refused; of more than 64 connections the oldest gives way, so that connections
/// that are only held open keep no probe out.
class HttpServer {
 public:
  /// Called on the server's thread; an exception from it is logged and answered with 500.
  using Responder = std::function<HttpResponse(const HttpRequest& request)>;

  /// `log` must outlive the server.
  HttpServer(Responder responder, Logger& log);
  /// Stops.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds `listen` ("127.0.0.1:9380", "[::1]:9380", "localhost:9380"; port 0 takes a free one) and
  /// starts the thread. Returns why it could not; then nothing was started. To be called once.
  std::optional<std::string> start(std::string_view listen);
  /// The bound port; 0 before start().
  std::uint16_t port() const;
  /// Closes all connections and ends the thread. May be called again, and without start().
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hawser
