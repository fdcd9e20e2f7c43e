#pragma once

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// COMMAND: asked upstream, and hawser's own commands added to the answer, so that clients that
/// look commands up find them and their keys. Inside a transaction it is Redis' alone.
class CommandHandler final : public Handler {
 public:
  /// `ordinary` takes what hawser has nothing to add to.
  CommandHandler(Upstream& upstream, Handler& ordinary)
      : upstream_(upstream), ordinary_(ordinary) {}
  Taken handle(Client& client, Request& request) override;

 private:
  class Tap;

  Upstream& upstream_;
  Handler& ordinary_;
};

}  // namespace hawser
