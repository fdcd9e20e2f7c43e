#include "proxy/degradation/degrade_rules.hpp"

#include <algorithm>
#include <limits>

#include "protocol/glob.hpp"
#include "proxy/degradation/absent_reply.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

constexpr std::int64_t kMsPerSecond = 1000;
/// Redis refuses a time to live that, in milliseconds and counted from now, does not fit 64 bits.
/// Half of it is refused here, so that no clock is needed.
constexpr std::int64_t kMaxTtlMs = std::numeric_limits<std::int64_t>::max() / 2;

const std::string* first_fitting(const std::vector<std::string>& patterns, std::string_view key) {
  const auto found = std::ranges::find_if(
      patterns, [key](const std::string& pattern) { return protocol::glob_match(pattern, key); });
  return found == patterns.end() ? nullptr : &*found;
}

bool is_ttl(std::string_view text, std::int64_t unit_ms, std::int64_t smallest) {
  const auto value = to_integer(text);
  return value && *value >= smallest && *value <= kMaxTtlMs / unit_ms;
}

/// SET key value [EX seconds | PX ms | EXAT seconds | PXAT ms | KEEPTTL]
bool is_plain_set(const Request& request) {
  if (request.argc() == 3) return true;
  const std::string_view option = request.arg(3);
  if (request.argc() == 4) return is_word(option, "keepttl");
  if (request.argc() != 5) return false;
  const std::string_view time = request.arg(4);
  if (is_word(option, "ex") || is_word(option, "exat")) return is_ttl(time, kMsPerSecond, 1);
  if (is_word(option, "px") || is_word(option, "pxat")) return is_ttl(time, 1, 1);
  return false;
}

/// A time in the past is allowed: it deletes.
bool is_plain_expire(const Request& request) {
  return request.argc() == 3 && is_ttl(request.arg(2), kMsPerSecond, -kMaxTtlMs / kMsPerSecond);
}

}  // namespace

Degradation DegradeRules::decide(const Request& request, protocol::RespVersion version) const {
  Degradation out;
  if (miss(request, version, out.reply) || drop(request, version, out)) {
    out.verdict = Degraded::answer;
  }
  return out;
}

bool DegradeRules::miss(const Request& request, protocol::RespVersion version,
                        std::string& reply) const {
  if (miss_patterns_.empty()) return false;
  const auto fits = [this](std::string_view key) {
    return first_fitting(miss_patterns_, key) != nullptr;
  };
  return keys_covered(request, fits) == KeysCovered::all &&
         append_absent_reply(request, version, reply);
}

bool DegradeRules::drop(const Request& request, protocol::RespVersion version,
                        Degradation& out) const {
  if (drop_patterns_.empty() || request.command == nullptr) return false;
  const std::string_view name = request.command->name;
  const bool is_set = name == "set";
  if (!is_set && name != "del" && name != "unlink" && name != "expire") return false;
  std::vector<DroppedKey> dropped;
  const auto fits = [this, &dropped](std::string_view key) {
    const std::string* const pattern = first_fitting(drop_patterns_, key);
    if (pattern != nullptr) dropped.push_back({key, *pattern});
    return pattern != nullptr;
  };
  // Answers `none` if the number of arguments is wrong, so that the options may be looked at.
  if (keys_covered(request, fits) != KeysCovered::all) return false;
  if (is_set && !is_plain_set(request)) return false;
  if (name == "expire" && !is_plain_expire(request)) return false;
  out.dropped = std::move(dropped);
  protocol::ReplyWriter reply(out.reply, version);
  if (is_set) {
    reply.simple("OK");
  } else {
    reply.integer(0);
  }
  return true;
}

}  // namespace hawser
