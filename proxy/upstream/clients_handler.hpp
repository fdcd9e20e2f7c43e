#pragma once

#include <functional>

#include "proxy/traffic/client_directory.hpp"
#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// CLIENT LIST, KILL, PAUSE and UNPAUSE, which are about hawser's clients. Redis is asked first,
/// with words that do nothing there: whether the user may, and whether all is well said.
class ClientsHandler final : public Handler {
 public:
  ClientsHandler(Upstream& upstream, ClientDirectory& clients)
      : upstream_(upstream), clients_(clients) {}
  Taken handle(Client& client, Request& request) override;

 private:
  std::string perform(Client& client, const Request& request);
  std::string list(const Client& client, const Request& request);
  std::string kill(Client& client, const Request& request);
  std::string pause(const Request& request);

  Upstream& upstream_;
  ClientDirectory& clients_;
};

}  // namespace hawser
