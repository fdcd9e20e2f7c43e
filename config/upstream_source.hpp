#pragma once

#include <string>
#include <vector>

#include "config/redis_url.hpp"
#include "config/source.hpp"

namespace hawser::config {

/// The Redis server that was found.
struct UpstreamResult {
  RedisUrl url;
  std::string origin;  ///< "REDIS_URL", "REDIS_HOST"; empty: `upstream.url` or the default.
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

/// `settings.url` if there is one, else REDIS_URL, else REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and
/// REDIS_DB, else redis://127.0.0.1:6379. Without a password in there: the first line of
/// `settings.password_file`, else of $CREDENTIALS_DIRECTORY/upstream-password if that exists.
UpstreamResult find_upstream(const Settings::Upstream& settings, const Environment& environment);

}  // namespace hawser::config
