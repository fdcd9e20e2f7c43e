#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace hawser {

/// The circuit to the upstream, as everybody else sees it.
struct CircuitState {
  std::string_view state;   ///< "closed", "half-open" or "open".
  std::string_view reason;  ///< Why; a constant.
  std::chrono::system_clock::time_point since;
  bool is_closed() const { return state == "closed"; }
};

/// {"state":"open","reason":"...","time":"2026-01-31T12:00:00.000Z"}
std::string to_json(const CircuitState& state);

/// Who hears of each change of the circuit. Called on the data thread; must not submit requests.
class CircuitListener {
 public:
  virtual void on_circuit(const CircuitState& state) = 0;

 protected:
  ~CircuitListener() = default;
};

/// Who has something to restore upstream, before requests are let through again.
class Restorer {
 public:
  /// The upstream is back. Called once for each outage that ends; Circuit::on_restored() is to be
  /// called when is_restored() becomes true later.
  virtual void restore() = 0;
  virtual bool is_restored() const = 0;
  /// Whether the circuit must stay open until it is restored; else it is waited for only a while.
  virtual bool is_essential() const { return false; }

 protected:
  ~Restorer() = default;
};

}  // namespace hawser
