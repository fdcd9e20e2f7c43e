#pragma once

#include <string_view>
#include <vector>

#include "proxy/runtime/timer.hpp"
#include "proxy/traffic/circuit_events.hpp"
#include "proxy/upstream/control.hpp"
#include "proxy/upstream/upstream_parts.hpp"

namespace hawser {

/// The circuit breaker at work: while it is open, asks the upstream on connections of its own
/// whether it is back; when it is, has everything restored and lets requests through again. Logs
/// and counts each transition and tells the listeners. Owned by Upstream.
class Circuit {
 public:
  Circuit(UpstreamParts& parts, Control& control);

  /// Whether requests may be sent.
  bool allows() const { return parts_.health.allows(); }
  /// Milliseconds after which asking again makes sense, at least 1.
  std::int64_t retry_in() const;
  const CircuitState& state() const { return state_; }

  void add_listener(CircuitListener& listener) { listeners_.push_back(&listener); }
  void add_restorer(Restorer& restorer) { restorers_.push_back(&restorer); }
  /// Something that was to be restored is.
  void on_restored();

  /// The operator's word.
  void set_mode(Breaker::Mode mode);
  void close();

 private:
  void ask();
  void on_answer(std::uint32_t round, const ControlAnswer& answer);
  void follow();
  void restore();
  void tell();

  UpstreamParts& parts_;
  Control& control_;
  std::vector<CircuitListener*> listeners_;
  std::vector<Restorer*> restorers_;
  CircuitState state_;
  Breaker::State told_ = Breaker::State::closed;
  Timer timer_;
  bool restoring_ = false;
  TimePoint restore_until_{};
  bool ended_ = false;
};

}  // namespace hawser
