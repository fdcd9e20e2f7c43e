#pragma once

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Sends ordinary requests on the main lane of the client's context: the way nearly all go. Large
/// ones are left to `large`, where the client's order allows, so that they hold up nobody.
class ForwardHandler final : public Handler {
 public:
  ForwardHandler(Upstream& upstream, Handler& large) : upstream_(upstream), large_(large) {}
  Taken handle(Client& client, Request& request) override;

 private:
  Upstream& upstream_;
  Handler& large_;
};

}  // namespace hawser
