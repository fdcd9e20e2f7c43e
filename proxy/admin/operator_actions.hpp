#pragma once

#include <cstdint>

namespace hawser {

enum class CircuitOrder : std::uint8_t { open, close, automatic };

/// What an operator may order over the admin listener. Implemented by Server; called from the admin
/// thread, returns at once and is carried out by the data thread.
class OperatorActions {
 public:
  /// Holds the circuit open or closed whatever happens, or lets it move by itself again.
  virtual void set_circuit(CircuitOrder order) = 0;

 protected:
  ~OperatorActions() = default;
};

}  // namespace hawser
