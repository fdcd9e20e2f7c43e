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

std::uint64_t ClientPause::begin(TimePoint until, bool only_writes) {
  parts_.push_back({next_, until, only_writes});
  update();
  return next_++;
}

void ClientPause::end(std::uint64_t number) {
  if (std::erase_if(parts_, [number](const Part& part) { return part.number == number; }) == 0)
    return;
  if (parts_.empty()) {
    end();
  } else {
    update();
    clients_.for_each([](ClientSession& client) { client.try_again(); });
  }
}

void ClientPause::end() {
  timer_.cancel();
  parts_.clear();
  clients_.for_each([](ClientSession& client) { client.try_again(); });
}

void ClientPause::update() {
  only_writes_ = std::ranges::all_of(parts_, &Part::only_writes);
  timer_.set(std::ranges::max(parts_, {}, &Part::until).until);
}

bool ClientPause::is_meant(const Request& request) const {
  const protocol::Command* row = request.command;
  if (row == nullptr) return true;
  // They end it, or a script that holds everybody up.
  if (row->name == "client|unpause" || row->name.ends_with("|kill")) return false;
  return !only_writes_ || may_write(*row);
}

}  // namespace hawser
