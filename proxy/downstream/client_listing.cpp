#include "proxy/downstream/client_listing.hpp"

#include <algorithm>

#include "proxy/downstream/client_session.hpp"

namespace hawser {

namespace {

constexpr auto kLookInterval = std::chrono::milliseconds(1);

std::int64_t seconds(Duration elapsed) {
  return std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
}

}  // namespace

std::string ClientListing::describe(const ClientSession& session) const {
  const TimePoint now = parts_.loop.now();
  const auto* command = session.last_command();
  const auto* library = session.library();
  const auto counts = session.subscriptions() != nullptr ? session.subscriptions()->counts()
                                                         : Subscriptions::Counts{};
  std::string flags;
  if (counts.total() > 0) flags += 'P';
  if (session.is_local()) flags += 'U';
  if (parts_.blocked.find(session.id()) != nullptr) flags += 'b';
  if (flags.empty()) flags = "N";
  const std::string output = std::to_string(session.queued_output());
  return "id=" + std::to_string(session.id()) + " addr=" + session.peer() +
         " laddr=" + session.local_address() + " fd=" + std::to_string(session.descriptor()) +
         " name=" + std::string(session.name()) +
         " age=" + std::to_string(seconds(now - session.connected_at())) +
         " idle=" + std::to_string(seconds(now - session.last_request())) + " flags=" + flags +
         " db=" + std::to_string(session.context().database) +
         " sub=" + std::to_string(counts.channels) + " psub=" + std::to_string(counts.patterns) +
         " ssub=" + std::to_string(counts.shard_channels) +
         " qbuf=" + std::to_string(session.queued_input()) + " omem=" + output +
         " cmd=" + (command != nullptr ? std::string(command->name) : "NULL") +
         " user=" + parts_.user_name(session.context().user) +
         " resp=" + std::to_string(static_cast<int>(session.context().resp)) +
         " lib-name=" + (library != nullptr ? library->name : "") +
         " lib-ver=" + (library != nullptr ? library->version : "");
}

std::string ClientListing::list(const ClientFilter& filter) const {
  std::string out;
  parts_.clients.for_each([&](ClientSession& session) {
    if (fits(session, filter)) out += describe(session) + "\n";
  });
  return out;
}

std::size_t ClientListing::close(const ClientFilter& filter, const Client* asker,
                                 const Client* spared) {
  std::size_t count = 0;
  parts_.clients.for_each([&](ClientSession& session) {
    if (&session == spared || !fits(session, filter)) return;
    ++count;
    if (&session == asker) {
      session.close_after_replies();
    } else {
      session.abort("CLIENT KILL");
    }
  });
  return count;
}

void ClientListing::when_settled(const Client* asker, TimePoint deadline,
                                 std::function<void(bool)> done) {
  waits_.push_back({asker, {}, deadline, std::move(done)});
  // Those who wait like this do not wait for each other.
  for (Wait& wait : waits_) {
    std::erase_if(wait.left,
                  [&](const Wait::Left& left) { return left.client.lock().get() == asker; });
  }
  parts_.clients.for_each([&](const ClientSession& session) {
    const bool is_asker =
        std::ranges::any_of(waits_, [&](const Wait& wait) { return wait.asker == &session; });
    const bool is_free = session.unsettled() == 0 || parts_.blocked.find(session.id()) != nullptr;
    if (is_asker || is_free) return;
    waits_.back().left.push_back({session.weak_from_this(), session.replies().next()});
  });
  look();
}

/// Nobody is told when a request is settled, so it is looked.
void ClientListing::look() {
  std::list<Wait> over;
  for (auto it = waits_.begin(); it != waits_.end();) {
    const auto next = std::next(it);
    std::erase_if(it->left, [](const Wait::Left& left) {
      const auto client = left.client.lock();
      return client == nullptr ||
             static_cast<const ClientSession&>(*client).replies().is_settled_before(left.slot);
    });
    if (it->left.empty() || it->deadline <= parts_.loop.now()) over.splice(over.end(), waits_, it);
    it = next;
  }
  if (!waits_.empty()) look_timer_.set(parts_.loop.now() + kLookInterval);
  for (const Wait& wait : over) wait.done(wait.left.empty());
}

bool ClientListing::fits(const ClientSession& session, const ClientFilter& filter) const {
  const auto& ids = filter.ids;
  if (!ids.empty() && std::find(ids.begin(), ids.end(), session.id()) == ids.end()) return false;
  if (filter.type) {
    const auto type =
        session.is_subscribed() ? ClientFilter::Type::pubsub : ClientFilter::Type::normal;
    if (type != *filter.type) return false;
  }
  if (filter.user && *filter.user != parts_.user_name(session.context().user)) return false;
  if (filter.address && *filter.address != session.peer()) return false;
  if (filter.local_address && *filter.local_address != session.local_address()) return false;
  return !filter.min_age || parts_.loop.now() - session.connected_at() >= *filter.min_age;
}

}  // namespace hawser
