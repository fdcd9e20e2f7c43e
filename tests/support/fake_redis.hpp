#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "tests/support/invariant_checker.hpp"

namespace hawser::test {

/// A Redis in memory, with connections that are two strings each. Runs SET, GET and INCR one after
/// the other and tells the checker of each. Bytes that have reached a connection are run some time
/// later, also when the other side has gone away meanwhile; only kill() stops that.
class FakeRedis {
 public:
  struct Connection {
    std::string input;    ///< Reached the server, and not run yet.
    std::string output;   ///< Replies on their way back.
    bool closed = false;  ///< The server has closed it.
  };

  explicit FakeRedis(InvariantChecker& checker) : checker_(checker) {}

  /// A new connection's CLIENT ID.
  std::uint64_t connect() {
    connections_[++last_id_];
    return last_id_;
  }
  /// CLIENT KILL ID; what was not run yet never will be.
  void kill(std::uint64_t id) { connections_.erase(id); }
  Connection& connection(std::uint64_t id) { return connections_.at(id); }
  const std::map<std::uint64_t, Connection>& connections() const { return connections_; }

  /// Runs up to `requests` of what came over a connection. Returns how many were run.
  std::size_t run(std::uint64_t id, std::size_t requests);
  /// Sends a push frame between two replies.
  void push(std::uint64_t id) { connections_.at(id).output += ">2\r\n+invalidate\r\n*0\r\n"; }

 private:
  std::string execute(std::string_view name, std::string_view key, std::string_view value,
                      std::string_view id);

  InvariantChecker& checker_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Connection> connections_;
  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, std::int64_t, std::less<>> numbers_;
};

}  // namespace hawser::test
