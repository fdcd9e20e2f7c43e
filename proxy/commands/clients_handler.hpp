#pragma once

#include <memory>
#include <string>

#include "proxy/traffic/circuit_events.hpp"
#include "proxy/traffic/client_directory.hpp"
#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// CLIENT LIST, KILL, PAUSE and UNPAUSE, which are about hawser's clients, and NO-EVICT and
/// NO-TOUCH. Redis is asked first, with words that do nothing there: whether the user may, whether
/// it has such a command, and whether all is well said.
class ClientsHandler final : public Handler, public CircuitListener {
 public:
  ClientsHandler(Upstream& upstream, ClientDirectory& clients)
      : upstream_(upstream), clients_(clients) {
    upstream.circuit().add_listener(*this);
  }
  Taken handle(Client& client, Request& request) override;
  void on_circuit(const CircuitState& state) override;

 private:
  void perform(Client& client, const Request& request, RespVersion resp,
               const std::shared_ptr<HeldAnswer>& held);
  std::string list(const Request& request, RespVersion resp);
  std::string kill(Client& client, const Request& request);
  void pause(const Client& client, const Request& request, const std::shared_ptr<HeldAnswer>& held);

  Upstream& upstream_;
  ClientDirectory& clients_;
  std::uint64_t outages_ = 0;
};

}  // namespace hawser
