#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "proxy/cache/script_caller.hpp"
#include "proxy/runtime/timer.hpp"

namespace hawser {

/// Calls of one script that may be lost with a connection and must be made nevertheless: again and
/// again until Redis has answered, for a while. So that they may come late, or twice, the script
/// has to look whether what it is to undo is still there. Owned by the CacheHandler.
class OwedCalls : public std::enable_shared_from_this<OwedCalls> {
 public:
  OwedCalls(ScriptCaller& caller, Script& script);

  struct Call {
    Context context;
    std::string key;
    std::string argument;
    TimePoint until;  ///< Then it is given up.
  };
  /// The first time now, before whatever is forwarded in the same context from now on.
  void make(Call call);
  /// The first time in a moment.
  void make_soon(Call call);

 private:
  void send(const std::shared_ptr<const Call>& call);
  void keep(std::shared_ptr<const Call> call);
  void on_timer();

  ScriptCaller& caller_;
  Script& script_;
  std::deque<std::shared_ptr<const Call>> again_;
  std::size_t again_bytes_ = 0;
  Timer timer_;
};

}  // namespace hawser
