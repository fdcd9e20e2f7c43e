#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/request.hpp"

namespace hawser {

enum class Degraded : std::uint8_t {
  refuse,  ///< No rule allows an answer: the client gets the error of the open circuit.
  answer,  ///< `reply` is the answer; the keys of `dropped` have to be journaled first.
};

/// A key whose write was acknowledged and not performed.
struct DroppedKey {
  std::string_view key;      ///< Lies in the request.
  std::string_view pattern;  ///< The first that fits it; lies in the rules.
};

struct Degradation {
  Degraded verdict = Degraded::refuse;
  std::string reply;  ///< Whole, in the client's RESP version.
  std::vector<DroppedKey> dropped;
};

/// What the operator allows hawser to answer by itself while the circuit is not closed.
///
/// - `miss` patterns: GET MGET GETRANGE STRLEN EXISTS TTL PTTL HGET HMGET HGETALL are answered as
///   for keys that do not exist.
/// - `drop` patterns: SET (with at most one of EX PX EXAT PXAT KEEPTTL), DEL, UNLINK and EXPIRE
///   (without options) are acknowledged, +OK or :0, and not performed.
///
/// Each key of the request must fit a pattern of its kind (globs as in Redis). All else is refused:
/// other commands, other options, and whatever Redis would answer an error to. It knows nothing of
/// MULTI: what a client queues there must not be asked of it.
///
/// Pure and unchanging; owned by whoever answers while the circuit is open. An answer costs time in
/// proportion to keys times patterns.
class DegradeRules {
 public:
  DegradeRules(std::vector<std::string> miss_patterns, std::vector<std::string> drop_patterns)
      : miss_patterns_(std::move(miss_patterns)), drop_patterns_(std::move(drop_patterns)) {}

  /// Whether everything is refused.
  bool empty() const { return miss_patterns_.empty() && drop_patterns_.empty(); }

  Degradation decide(const Request& request, protocol::RespVersion version) const;

 private:
  bool miss(const Request& request, protocol::RespVersion version, std::string& reply) const;
  bool drop(const Request& request, protocol::RespVersion version, Degradation& out) const;

  std::vector<std::string> miss_patterns_;
  std::vector<std::string> drop_patterns_;
};

}  // namespace hawser
