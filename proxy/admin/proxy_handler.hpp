#pragma once

#include "proxy/admin/health_view.hpp"
#include "proxy/traffic/handler.hpp"

namespace hawser {

/// PROXY, hawser's own command: answered in every state. Data thread.
class ProxyHandler final : public Handler {
 public:
  explicit ProxyHandler(const HealthView& health) : health_(health) {}
  Taken handle(Client& client, Request& request) override;

 private:
  const HealthView& health_;
};

}  // namespace hawser
