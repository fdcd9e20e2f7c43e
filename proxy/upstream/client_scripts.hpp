#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/traffic/context.hpp"

namespace hawser {

/// Lua scripts that clients have sent whole and Redis has accepted, so that an EVALSHA of one that
/// Redis has lost (by a restart, a failover) can be sent as EVAL. Each user's by themselves: nobody
/// runs by its digest what only somebody else has shown. Those not used for longest go first. Pure.
/// Part of UpstreamParts; data thread only.
class ClientScripts {
 public:
  /// `limit`: bytes of all bodies together, with what each costs besides.
  explicit ClientScripts(std::size_t limit) : limit_(limit) {}
  ClientScripts(const ClientScripts&) = delete;
  ClientScripts& operator=(const ClientScripts&) = delete;

  /// Whether a script may be remembered at all. One that can answer with an error of its own making
  /// could answer as if it were not there, having run.
  bool takes(std::string_view body) const;
  /// Whether it is remembered; then it counts as used.
  bool knows(UserId user, std::string_view body);
  /// Redis has accepted it. REQUIRES: takes(body) and not knows(user, body).
  void remember(UserId user, std::string body);

  /// An EVALSHA or EVALSHA_RO request (canonical) as the EVAL or EVAL_RO that does the same;
  /// nothing if the script is not remembered.
  std::optional<std::string> to_eval(UserId user, std::string_view evalsha);

  /// SCRIPT FLUSH: whoever sends it wants to be told that scripts are gone.
  void forget();
  /// Changes with each forget().
  std::uint64_t generation() const { return generation_; }

  std::size_t bytes() const { return bytes_; }

 private:
  struct Script {
    UserId user;
    std::string body;
    std::string digest;
  };
  using Scripts = std::list<Script>;
  struct Key {
    UserId user;
    std::string_view text;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string_view>()(key.text) ^ key.user;
    }
  };
  using Index = std::unordered_map<Key, Scripts::iterator, Hash>;

  const Script* use(const Index& index, const Key& key);
  void drop_oldest();

  const std::size_t limit_;
  std::size_t bytes_ = 0;
  std::uint64_t generation_ = 0;
  Scripts scripts_;  ///< The one used last in front.
  Index by_body_;    ///< Keys are views into scripts_.
  Index by_digest_;
};

}  // namespace hawser
