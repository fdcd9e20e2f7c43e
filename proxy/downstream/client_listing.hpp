#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "proxy/downstream/client_pause.hpp"
#include "proxy/downstream/client_registry.hpp"
#include "proxy/traffic/blocked_clients.hpp"
#include "proxy/traffic/client_directory.hpp"

namespace hawser {

/// What commands tell of the clients in the registry, and do to them.
class ClientListing final : public ClientDirectory {
 public:
  struct Parts {
    ClientRegistry& clients;
    const BlockedClients& blocked;
    Loop& loop;
    std::function<std::string(UserId)> user_name;
  };

  explicit ClientListing(Parts parts)
      : parts_(std::move(parts)),
        pause_(parts_.loop, parts_.clients),
        look_timer_(parts_.loop, [this] { look(); }) {}

  const ClientPause& pause_state() const { return pause_; }
  /// A line as in Redis' CLIENT LIST, with the fields that mean something here. No line end.
  std::string describe(const ClientSession& session) const;

  // ClientDirectory
  std::string list(const ClientFilter& filter) const override;
  std::size_t close(const ClientFilter& filter, const Client* asker, const Client* spared) override;
  std::uint64_t pause(TimePoint until, bool only_writes) override {
    return pause_.begin(until, only_writes);
  }
  void end_pause(std::uint64_t number) override { pause_.end(number); }
  void end_pauses() override { pause_.end(); }
  void when_settled(const Client* asker, TimePoint deadline,
                    std::function<void(bool)> done) override;

 private:
  /// Whoever waits for clients' requests to be settled.
  struct Wait {
    struct Left {
      std::weak_ptr<const Client> client;
      std::uint32_t slot;  ///< Those before it.
    };
    const Client* asker;
    std::vector<Left> left;
    TimePoint deadline;
    std::function<void(bool)> done;
  };

  void look();
  bool fits(const ClientSession& session, const ClientFilter& filter) const;

  Parts parts_;
  ClientPause pause_;
  std::list<Wait> waits_;
  Timer look_timer_;
};

}  // namespace hawser
