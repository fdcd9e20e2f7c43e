#pragma once

#include <string>

#include "proxy/traffic/slot_handle.hpp"

namespace hawser {

class Client;
struct Request;

/// What the operator has done with writes on their way to Redis.
class WriteRules {
 public:
  /// Before a transaction: whether the client has to wait, since it is not known yet what is to be
  /// done with its writes. Then it is paused, and the request to be taken later.
  virtual bool holds(Client& client, const Request& request) = 0;
  /// Inside a transaction: appends to `out` what is to be sent in the place of `request`, one
  /// request with the same reply. False, and nothing appended: the request itself.
  virtual bool rewrite_queued(const Client& client, const Request& request, std::string& out) = 0;
  /// For the reply to such a request: passes it on to `slot`.
  virtual SlotHandle watch_rewritten(const Client& client, SlotHandle slot) = 0;

 protected:
  ~WriteRules() = default;
};

}  // namespace hawser
