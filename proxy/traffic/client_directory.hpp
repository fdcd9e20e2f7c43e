#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/runtime/clock.hpp"
#include "proxy/traffic/context.hpp"

namespace hawser {

class Client;

/// Which clients are meant, in the words of CLIENT LIST and CLIENT KILL. What is not set fits all.
struct ClientFilter {
  enum class Type : std::uint8_t {
    normal,
    pubsub,
    server,  ///< A primary or a replica: no client of hawser is one.
  };
  std::vector<std::uint64_t> ids;  ///< One of these; empty: any.
  std::optional<Type> type;
  std::optional<std::string> user;
  std::optional<std::string> address;        ///< Of the client, as CLIENT LIST shows it.
  std::optional<std::string> local_address;  ///< The one it connected to.
  std::optional<Duration> min_age;           ///< Connected for so long at least.
};

/// The clients that are connected to hawser, for handlers of commands about them. Implemented in
/// downstream/; data thread only.
class ClientDirectory {
 public:
  virtual ~ClientDirectory() = default;
  /// One line for each, as Redis' CLIENT LIST has them.
  virtual std::string list(const ClientFilter& filter) const = 0;
  /// Closes them, but not `spared` (nullptr: nobody); returns how many. `asker` is closed after its
  /// replies.
  virtual std::size_t close(const ClientFilter& filter, const Client* asker,
                            const Client* spared) = 0;
  /// No request is dispatched, or none that may write, before `until`; a pause under way never gets
  /// shorter or narrower. Returns its number.
  virtual std::uint64_t pause(TimePoint until, bool only_writes) = 0;
  /// As if that one had not been; what the others ask for stays.
  virtual void end_pause(std::uint64_t number) = 0;
  virtual void end_pauses() = 0;
  /// Calls `done` with true once nothing is under way of what clients other than `asker` have sent
  /// so far, but for blocking commands; with false if that is not so by `deadline`.
  virtual void when_settled(const Client* asker, TimePoint deadline,
                            std::function<void(bool)> done) = 0;
};

}  // namespace hawser
