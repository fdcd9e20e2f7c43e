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

  /// Whether there is room for a script.
  bool takes(std::string_view body) const;
  /// Whether it is remembered as accepted by this run of a server (server_number()); then it counts
  /// as used.
  bool knows(UserId user, std::string_view body, std::uint64_t server);
  /// This run of a server, 0 if that is not known, has accepted it. REQUIRES: takes(body).
  void remember(UserId user, std::string body, std::uint64_t server);

  /// An EVALSHA or EVALSHA_RO request (canonical), which `server` answered with NOSCRIPT, as the
  /// EVAL or EVAL_RO that does the same; nothing if the script is not remembered. Nothing either if
  /// the same run of the server has had a script that can make errors of its own: that answer
  /// could be one of these, from a script that has run.
  struct Eval {
    std::string bytes;
    std::string digest;  ///< Of the script.
  };
  std::optional<Eval> to_eval(UserId user, std::string_view evalsha, std::uint64_t server);

  /// That EVAL was sent to the server and has ended, somehow: now it may have the script. Not
  /// before: others are told of the same loss until then.
  void note_sent(UserId user, std::string_view digest, std::uint64_t server);

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
    std::uint64_t server;  ///< Which has had it last.
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

  Script* use(const Index& index, const Key& key);
  void drop_oldest();

  const std::size_t limit_;
  std::size_t bytes_ = 0;
  std::uint64_t generation_ = 0;
  Scripts scripts_;  ///< The one used last in front.
  Index by_body_;    ///< Keys are views into scripts_.
  Index by_digest_;
};

}  // namespace hawser
