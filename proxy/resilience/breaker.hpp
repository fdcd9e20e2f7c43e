#pragma once

#include "proxy/runtime/clock.hpp"

namespace hawser {

/// Decides whether requests may be sent to an upstream node, from how earlier ones ended. Asked by
/// Upstream before each request and told every outcome.
class Breaker {
 public:
  virtual ~Breaker() = default;
  /// Whether a request may be sent at `now`.
  virtual bool allows(TimePoint now) const = 0;
  virtual void on_success(TimePoint now) = 0;
  virtual void on_failure(TimePoint now) = 0;
};

/// A breaker that never opens.
class ClosedBreaker final : public Breaker {
 public:
  bool allows(TimePoint) const override { return true; }
  void on_success(TimePoint) override {}
  void on_failure(TimePoint) override {}
};

}  // namespace hawser
