#pragma once

#include <cstdint>
#include <unordered_map>

namespace hawser {

/// A client inside a blocking command, as CLIENT UNBLOCK sees it.
class BlockedClient {
 public:
  /// Of the connection it is blocked on, as Redis knows it; 0: it waits for one.
  virtual std::uint64_t upstream_id() const = 0;
  /// Redis is being asked to unblock that connection: it may not go to another client meanwhile.
  virtual void on_unblock_asked() = 0;
  /// Ends its wait for a connection. `error`: with an error, else as if its time were over.
  /// REQUIRES: upstream_id() == 0.
  virtual void unblock(bool error) = 0;

 protected:
  ~BlockedClient() = default;
};

/// The clients that are inside a blocking command at present, by hawser's client id. Owned by
/// Server.
class BlockedClients {
 public:
  /// A client's being among them, for as long as this lives.
  class Entry {
   public:
    Entry(BlockedClients& all, std::uint64_t client_id, BlockedClient& client)
        : all_(all), client_id_(client_id), client_(client) {
      all_.clients_[client_id] = &client;
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      if (all_.find(client_id_) == &client_) all_.clients_.erase(client_id_);
    }

   private:
    BlockedClients& all_;
    const std::uint64_t client_id_;
    BlockedClient& client_;
  };

  /// nullptr: it is not blocked.
  BlockedClient* find(std::uint64_t client_id) const {
    const auto found = clients_.find(client_id);
    return found == clients_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<std::uint64_t, BlockedClient*> clients_;
};

}  // namespace hawser
