#pragma once

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// EVAL, EVAL_RO, SCRIPT LOAD and SCRIPT FLUSH: they go the way of all requests, and what they
/// bring or take is known to ClientScripts. Not in a transaction, where a client has a handler of
/// its own, and not if they are large.
class ScriptHandler final : public Handler {
 public:
  ScriptHandler(Upstream& upstream, Handler& forward) : upstream_(upstream), forward_(forward) {}
  Taken handle(Client& client, Request& request) override;

 private:
  class Tap;

  Upstream& upstream_;
  Handler& forward_;
};

}  // namespace hawser
