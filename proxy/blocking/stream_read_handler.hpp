#pragma once

#include "proxy/traffic/blocking_time.hpp"
#include "proxy/traffic/handler.hpp"

namespace hawser {

/// XREAD and XREADGROUP: with BLOCK they need a connection of their own, without they are ordinary.
class StreamReadHandler final : public Handler {
 public:
  StreamReadHandler(Handler& ordinary, Handler& blocking)
      : ordinary_(ordinary), blocking_(blocking) {}
  Taken handle(Client& client, Request& request) override {
    return (is_blocking(request) ? blocking_ : ordinary_).handle(client, request);
  }

 private:
  Handler& ordinary_;
  Handler& blocking_;
};

}  // namespace hawser
