#include "proxy/commands/foreign_handler.hpp"

#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

using Way = ForeignCommands::Way;

/// Names asked about at a time; questions about the password of a client have to get through, too.
constexpr std::size_t kMostAsked = 8;
/// A name that is no command now may be one when a module was loaded, and a refusal may be lifted.
constexpr Duration kAskedAgain = std::chrono::seconds(60);
/// After a question that found nobody.
constexpr Duration kTriedAgain = std::chrono::seconds(1);

}  // namespace

Taken ForeignHandler::handle(Client& client, Request& request) {
  known_.on_server(upstream_.run_id());
  if (request.arg(0).size() > ForeignCommands::kLongestName) {
    return pinned_.handle(client, request);
  }
  const std::string name = to_lower(request.arg(0));
  if (const auto way = known_.find(name, upstream_.loop().now())) {
    return *way == Way::shared ? shared_.handle(client, request) : pinned_.handle(client, request);
  }
  const bool is_asked = asked_.contains(name);
  if (!upstream_.circuit().allows() || (!is_asked && asked_.size() >= kMostAsked)) {
    return pinned_.handle(client, request);
  }
  asked_[name][client.id()] = client.weak_from_this();
  if (!is_asked) ask(name, request.arrived + upstream_.settings().timeout.total);
  return Taken::later;
}

void ForeignHandler::ask(const std::string& name, TimePoint deadline) {
  upstream_.control().ask({.user = kUpstreamUser, .commands = {{"COMMAND", "INFO", name}}},
                          deadline,
                          [this, name](const ControlAnswer& answer) { on_answer(name, answer); });
}

void ForeignHandler::on_answer(const std::string& name, const ControlAnswer& answer) {
  const Waiting waiting = std::move(asked_.extract(name).mapped());
  const TimePoint now = upstream_.loop().now();
  const bool is_reply = answer.kind == ControlAnswer::Kind::reply;
  const Way way = is_reply ? ForeignCommands::way_of(answer.replies.back().items) : Way::pinned;
  TimePoint until = TimePoint::max();
  if (answer.kind == ControlAnswer::Kind::unreachable) {
    until = now + kTriedAgain;
  } else if (way == Way::pinned || upstream_.run_id().empty()) {
    until = now + kAskedAgain;
  }
  known_.remember(name, way, until);
  offer_again(waiting);
}

void ForeignHandler::on_circuit(const CircuitState& state) {
  if (state.is_closed()) return;
  for (const auto& [name, waiting] : asked_) offer_again(waiting);  // They are refused at once.
}

void ForeignHandler::offer_again(const Waiting& waiting) {
  for (const auto& [id, client] : waiting) {
    if (const auto who = client.lock()) who->try_again();
  }
}

}  // namespace hawser
