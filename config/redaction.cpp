#include "config/redaction.hpp"

#include "config/redis_url.hpp"

namespace hawser::config {

std::string redact_url(std::string_view text) {
  if (text.empty()) return {};
  const auto url = parse_redis_url(text);
  return url ? url->redacted() : "(unreadable URL)";
}

}  // namespace hawser::config
