#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proxy/runtime/clock.hpp"

namespace hawser {

class Loop;

/// Where to connect to: a Unix socket if `path` is not empty, else host and port.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string path;
};

/// How an attempt to connect ended.
struct ConnectResult {
  int descriptor = -1;  ///< Connected and the caller's to close, or -1.
  std::string error;    ///< Symbolic, if it failed: "ECONNREFUSED", "ETIMEDOUT", "ENOTFOUND" ...
};

/// One attempt to connect: the name is resolved anew, each of its addresses is tried until one
/// answers or the deadline passes. Ending its life cancels it; otherwise `done` is called once.
class Connector {
 public:
  Connector(Loop& loop, const Endpoint& endpoint, TimePoint deadline,
            std::function<void(ConnectResult)> done);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The symbolic name of an errno ("ECONNRESET"), as clients know it.
std::string errno_name(int error);

}  // namespace hawser
