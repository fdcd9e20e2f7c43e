#pragma once

#include <memory>
#include <string>

#include "config/redis_url.hpp"
#include "proxy/downstream/client_session.hpp"

namespace hawser {

/// One address clients connect to, TCP or Unix. Accepts until stop(); an error in accepting is
/// logged and waited out, never the end. A Unix socket appears under its name only once it is
/// ready and has its permissions, replaces a stale one but no living one, and is removed at the
/// end if it is still ours.
class Listener {
 public:
  Listener(DownstreamParts& parts, const config::ListenUrl& url, std::uint32_t unix_mode);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Binds and begins to accept; returns what is wrong, or an empty string.
  std::string start();
  void stop();
  /// The address as bound: with the port the system chose, if 0 was asked for.
  const config::ListenUrl& url() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hawser
