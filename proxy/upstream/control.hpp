#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "proxy/runtime/connector.hpp"
#include "proxy/runtime/loop.hpp"
#include "proxy/upstream/upstream_stats.hpp"

namespace hawser {

/// What a question to the upstream brought.
struct ControlAnswer {
  enum class Kind : std::uint8_t { reply, error, unreachable };
  Kind kind;
  std::string text;  ///< The reply's or the error's text; for unreachable why, symbolic.
};

/// Hawser's own questions to the upstream, each on a short-lived RESP2 connection of its own, so
/// that they neither wait behind clients' requests nor leave state on a lane. Owned by Upstream.
class Control {
 public:
  Control(Loop& loop, Endpoint endpoint, UpstreamStats& stats);
  ~Control();

  /// Sends one command on a new connection; `done` is called once, by `deadline` at the latest,
  /// unless Control ends before.
  void ask(const std::vector<std::string>& command, TimePoint deadline,
           std::function<void(ControlAnswer)> done);

 private:
  class Question;
  Loop& loop_;
  const Endpoint endpoint_;
  UpstreamStats& stats_;
  std::list<std::shared_ptr<Question>> open_;
};

}  // namespace hawser
