#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

namespace hawser {

class ClientSession;

/// All clients that are connected, by id; keeps their sessions alive. Data thread only.
class ClientRegistry {
 public:
  std::uint64_t next_id() { return ++last_id_; }
  void add(std::shared_ptr<ClientSession> session);
  void remove(std::uint64_t id) { sessions_.erase(id); }
  std::size_t size() const { return sessions_.size(); }
  /// Calls `visit` for every client, by ascending id; it may close them.
  void for_each(const std::function<void(ClientSession&)>& visit) const;

 private:
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<ClientSession>> sessions_;
};

}  // namespace hawser
