#pragma once

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// SCRIPT KILL and FUNCTION KILL. On the connection that runs the script Redis would not read them,
/// and no other can be counted on just then: they have one of their own at once, also while the
/// circuit is open.
class ScriptKillHandler final : public Handler {
 public:
  explicit ScriptKillHandler(Upstream& upstream) : upstream_(upstream) {}
  Taken handle(Client& client, Request& request) override;

 private:
  Upstream& upstream_;
};

}  // namespace hawser
