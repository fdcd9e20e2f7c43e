#pragma once

#include <cstdint>

#include "proxy/traffic/client.hpp"
#include "proxy/traffic/request.hpp"

namespace hawser {

/// Whether a handler took a request.
enum class Taken : std::uint8_t {
  yes,    ///< It opened a slot, or the client is being closed.
  later,  ///< Not yet: offer it again when the client's earlier requests are all answered.
};

/// Answers requests of one kind. Shared by all clients, or owned by one (Client::own_handler).
/// It takes a request by opening its slot and answers through that slot only, now or later. A new
/// feature is a handler and rows in the command table.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Taken handle(Client& client, Request& request) = 0;
  /// Of a client's own handler: whether what the client has sent is still carried out after it
  /// ended its side. Not where it waits for what would then be taken by nobody.
  virtual bool outlives_input() const { return false; }
};

}  // namespace hawser
