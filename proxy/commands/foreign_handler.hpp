#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "proxy/commands/foreign_commands.hpp"
#include "proxy/traffic/circuit_events.hpp"
#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Commands that are not in the table: those of modules, renamed ones, and what is no command at
/// all. What one is, the server is asked by COMMAND INFO when it is used first, as the upstream
/// URL's user; until the answer is there, who uses it waits. Left to `shared` or to `pinned` then.
/// Without an answer it is `pinned`.
class ForeignHandler final : public Handler, public CircuitListener {
 public:
  ForeignHandler(Upstream& upstream, Handler& shared, Handler& pinned)
      : upstream_(upstream), shared_(shared), pinned_(pinned) {
    upstream.circuit().add_listener(*this);
  }
  Taken handle(Client& client, Request& request) override;
  void on_circuit(const CircuitState& state) override;

 private:
  using Waiting = std::map<std::uint64_t, std::weak_ptr<Client>>;  ///< By client id.

  void ask(const std::string& name, TimePoint deadline);
  void on_answer(const std::string& name, const ControlAnswer& answer);
  static void offer_again(const Waiting& waiting);

  Upstream& upstream_;
  Handler& shared_;
  Handler& pinned_;
  ForeignCommands known_;
  std::map<std::string, Waiting> asked_;  ///< Names the server is being asked about.
};

}  // namespace hawser
