#include "proxy/downstream/client_pause.hpp"

#include <algorithm>
#include <array>

#include "proxy/downstream/client_registry.hpp"
#include "proxy/downstream/client_session.hpp"

namespace hawser {

namespace {

/// Writes; what Redis may replicate although it is none by its flags; and what may hold writes.
bool may_write(const protocol::Command& row) {
  constexpr std::array<std::string_view, 8> kOthers = {"eval",     "evalsha", "fcall", "publish",
                                                       "spublish", "pfcount", "multi", "exec"};
  return row.is(protocol::flag::write) || std::ranges::find(kOthers, row.name) != kOthers.end();
}

}  // namespace

ClientPause::ClientPause(Loop& loop, ClientRegistry& clients)
    : clients_(clients), timer_(loop, [this] { end(); }) {}

bool ClientPause::begin(TimePoint until, bool only_writes) {
  const bool is_first = !is_on_;
  only_writes_ = only_writes && (!is_on_ || only_writes_);
  until_ = is_on_ ? std::max(until_, until) : until;
  is_on_ = true;
  timer_.set(until_);
  return is_first;
}

void ClientPause::end() {
  timer_.cancel();
  if (!is_on_) return;
  is_on_ = false;
  clients_.for_each([](ClientSession& client) { client.try_again(); });
}

bool ClientPause::is_meant(const Request& request) const {
  const protocol::Command* row = request.command;
  if (row == nullptr) return true;
  // They end it, or a script that holds everybody up.
  if (row->name == "client|unpause" || row->name.ends_with("|kill")) return false;
  return !only_writes_ || may_write(*row);
}

}  // namespace hawser
