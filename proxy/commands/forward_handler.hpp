#pragma once

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// Sends ordinary requests on the main lane of the client's context: the way nearly all go. Large
/// ones, and those of clients that hear long replies, are left to `apart`: they hold up nobody.
class ForwardHandler final : public Handler {
 public:
  ForwardHandler(Upstream& upstream, Handler& apart) : upstream_(upstream), apart_(apart) {}
  Taken handle(Client& client, Request& request) override;

 private:
  Upstream& upstream_;
  Handler& apart_;
};

}  // namespace hawser
