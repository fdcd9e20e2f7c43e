#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/traffic/context.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// What a script of hawser's own brought.
struct ScriptAnswer {
  enum class Kind : std::uint8_t {
    reply,
    error,     ///< Redis' error, in `error`.
    not_sent,  ///< Not executed; `failure` says why.
    unknown,   ///< Perhaps executed; `failure` says why that is not known.
  };
  Kind kind = Kind::reply;
  Failure failure = Failure::down;
  std::int64_t number = 0;  ///< Of the failure's text.
  std::string error;        ///< The whole reply, '-' and line end included.
  /// The reply's elements as text, one of a reply that is no array; null: empty.
  std::vector<std::string> items;

  std::int64_t integer(std::size_t i) const;
};

/// How a script reaches Redis.
enum class Passage : std::uint8_t {
  lane,     ///< On the main lane of the context.
  control,  ///< On a connection of its own, for when the circuit is not closed.
};

/// Has hawser's own scripts run, one request each, and reads their replies. For what hawser does on
/// its own account; a client's request is forwarded by its handler. Owned by the Cache.
class ScriptCaller {
 public:
  using Words = std::vector<std::string>;
  using Done = std::function<void(const ScriptAnswer&)>;

  explicit ScriptCaller(Upstream& upstream) : upstream_(upstream) {}

  /// The request: by digest if the server knows the script.
  static std::string request(const Script& script, const std::vector<std::string_view>& keys,
                             const std::vector<std::string_view>& args, bool whole = false);

  /// `done` is called once, now or later.
  void call(Passage passage, const Context& context, Script& script, const Words& keys,
            const Words& args, Done done);
  /// The same for a plain command.
  void command(Passage passage, const Context& context, const Words& words, Done done);

  Upstream& upstream() { return upstream_; }

 private:
  void send(const Context& context, std::string_view bytes, ReplySink& sink);
  void ask(const Context& context, std::string_view body, const Words& keys, const Words& args,
           Done done);

  Upstream& upstream_;
};

}  // namespace hawser
