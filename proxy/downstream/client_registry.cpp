#include "proxy/downstream/client_registry.hpp"

#include <algorithm>
#include <vector>

#include "proxy/downstream/client_session.hpp"

namespace hawser {

void ClientRegistry::add(std::shared_ptr<ClientSession> session) {
  const std::uint64_t id = session->id();
  sessions_.emplace(id, std::move(session));
}

void ClientRegistry::for_each(const std::function<void(ClientSession&)>& visit) const {
  std::vector<std::shared_ptr<ClientSession>> all;
  all.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) all.push_back(session);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->id() < b->id(); });
  for (const auto& session : all) visit(*session);
}

}  // namespace hawser
