#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace hawser {

/// The run of a server's process, by the first half of its run id; 0: not known.
std::uint64_t server_number(std::string_view run_id);

/// As EVALSHA takes it: SHA1 in hex.
std::string script_digest(std::string_view body);

/// A Lua script of hawser's own. Constant once added.
struct Script {
  std::string body;
  std::string digest;
  bool is_loaded = false;  ///< The server has been given it, as far as is known.
};

/// The scripts hawser sends to the server it is connected to: by their digest once the server knows
/// them, whole before. Part of UpstreamParts; data thread only.
class ScriptBook {
 public:
  /// The same body gives the same script. The reference stays valid.
  Script& add(std::string_view body);

  /// A connection was opened to this run of a server; empty: not known which.
  void on_server(std::string_view run_id);

  /// Nothing is taken for loaded any more.
  void forget_loaded();

  /// An EVALSHA request as the EVAL that does the same. What is no such request of a script of
  /// this book stays as it is. Nothing is taken for loaded any more.
  std::string to_eval(std::string_view evalsha);

 private:
  std::unordered_map<std::string, Script> by_digest_;
  std::string run_id_;
};

}  // namespace hawser
