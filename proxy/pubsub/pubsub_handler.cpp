#include "proxy/pubsub/pubsub_handler.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/reply_tap.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

/// Redis lets the other two kinds pass in a transaction.
constexpr std::string_view kNotInMulti =
    "-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n";

/// Which kind of topic a command subscribes to, or leaves; nothing for other commands.
struct Verb {
  TopicKind kind;
  bool subscribe;
};

std::optional<Verb> verb_of(std::string_view command) {
  for (std::size_t i = 0; i < kTopicKinds; ++i) {
    const auto kind = static_cast<TopicKind>(i);
    if (command == kTopicWords[i].subscribe) return Verb{kind, true};
    if (command == kTopicWords[i].unsubscribe) return Verb{kind, false};
  }
  return std::nullopt;
}

/// Where messages of topics that are being left may be on their way; nullptr: nowhere.
Feed* feed_with_messages(const Subscriber& subscriber, TopicKind kind,
                         const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (is_local_topic(kind, name)) continue;
    Feed* feed = subscriber.feed_of(kind, name);
    if (feed != nullptr && feed->is_open()) return feed;
  }
  return nullptr;
}

/// How Redis begins to say that it does not take a command.
std::string refusal(const protocol::Command& command) {
  return command.name == "exec" ? "EXECABORT Transaction discarded because of: " : "ERR ";
}

}  // namespace

Taken PubSubHandler::handle(Client& client, Request& request) {
  const std::string_view name = request.command->name;
  if (const auto verb = verb_of(name)) {
    return verb->subscribe ? subscribe(client, request, verb->kind)
                           : unsubscribe(client, request, verb->kind);
  }
  if (name == "pubsub|numsub") return numsub(client, request, TopicKind::channel);
  if (name == "pubsub|shardnumsub") return numsub(client, request, TopicKind::shard_channel);
  return publish(client, request);
}

Taken PubSubHandler::subscribe(Client& client, Request& request, TopicKind kind) {
  // Everything it asked before is answered: so its acknowledgement is the next it gets, and no
  // message of the channel can come before that.
  if (client.unsettled() > 0 && !client.is_captured()) return Taken::later;
  if (client.is_captured() && kind == TopicKind::shard_channel) {
    client.open_slot(request).complete(kNotInMulti);
    return Taken::yes;
  }
  std::vector<std::string> names;
  for (std::size_t i = 1; i < request.argc(); ++i) names.emplace_back(request.arg(i));
  const auto subscriber = hub_.subscriber_of(client);
  SlotHandle slot = client.open_slot(request);
  if (subscriber->counts().total() + names.size() > upstream_.settings().pubsub.subscriptions) {
    slot.fail(Failure::full_subscriptions);
    return Taken::yes;
  }
  Feed& feed = hub_.feed(client.context().user);
  const bool needs_upstream = std::any_of(names.begin(), names.end(), [&](const auto& topic) {
    return !is_local_topic(kind, topic) && !feed.is_subscribed(kind, topic);
  });
  if (needs_upstream && !upstream_.circuit().allows()) {
    upstream_.refuse(std::move(slot));
    return Taken::yes;
  }
  feed.subscribe(subscriber, kind, names, std::move(slot),
                 request.arrived + upstream_.settings().timeout.total);
  return Taken::yes;
}

Taken PubSubHandler::unsubscribe(Client& client, Request& request, TopicKind kind) {
  // What it asked before may bring messages, which come before the acknowledgement.
  if (client.unanswered() > 0 && !client.is_captured()) return Taken::later;
  const auto subscriber = hub_.subscriber_of(client);
  std::vector<std::string> names;
  for (std::size_t i = 1; i < request.argc(); ++i) names.emplace_back(request.arg(i));
  if (names.empty()) names = subscriber->names(kind);
  SlotHandle slot = client.open_slot(request);
  Feed* feed = client.is_captured() ? nullptr : feed_with_messages(*subscriber, kind, names);
  if (feed != nullptr) {
    feed->unsubscribe(subscriber, kind, std::move(names), std::move(slot),
                      request.arrived + upstream_.settings().timeout.total);
  } else {
    subscriber->acknowledge(std::move(slot), subscriber->leave(kind, names), client.is_captured());
  }
  return Taken::yes;
}

/// A client that has nothing else under way publishes on the publisher lane. Otherwise PUBLISH
/// stays behind its other requests, so that no message tells of a SET that has not been done.
Taken PubSubHandler::publish(Client& client, Request& request) {
  MainLane& lane = upstream_.publisher();
  const bool alone = client.unsettled() == 0 && request.following.empty();
  const bool fits = client.context().user == kUpstreamUser &&
                    request.raw.size() <= upstream_.settings().lanes.large_request;
  if (!fits || !(alone || (client.unsettled() > 0 && client.may_go_to(&lane)))) {
    return forward_.handle(client, request);
  }
  client.set_route(&lane);
  upstream_.forward(&lane, request, client.open_slot(request));
  return Taken::yes;
}

/// Corrects the numbers of subscribers in the upstream's reply.
class PubSubHandler::NumsubTap final : public ReplyTap {
 public:
  NumsubTap(Hub& hub, TopicKind kind, std::vector<std::string> names, SlotHandle slot)
      : ReplyTap(std::move(slot)), hub_(hub), kind_(kind), names_(std::move(names)) {}

  void on_reply(std::uint32_t, Reply reply) override {
    if (!reply.bytes.starts_with('*')) {
      slot().complete(reply);
      return;
    }
    // *2n, then name and number in turn; the names are as they were asked.
    std::string out(reply.bytes.substr(0, reply.bytes.find('\n') + 1));
    std::size_t at = out.size();
    for (const std::string& name : names_) {
      const std::size_t number = reply.bytes.find('\n', at) + 1 + name.size() + 2;
      std::int64_t count = 0;
      std::from_chars(reply.bytes.data() + number + 1, reply.bytes.data() + reply.bytes.size(),
                      count);
      out += reply.bytes.substr(at, number - at);
      count = std::max<std::int64_t>(0, count + hub_.correction(kind_, name));
      out += ":" + std::to_string(count) + "\r\n";
      at = reply.bytes.find('\n', number) + 1;
    }
    slot().complete(out);
  }

 private:
  Hub& hub_;
  const TopicKind kind_;
  const std::vector<std::string> names_;
};

Taken PubSubHandler::numsub(Client& client, Request& request, TopicKind kind) {
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  std::vector<std::string> names;
  for (std::size_t i = 2; i < request.argc(); ++i) names.emplace_back(request.arg(i));
  client.set_route(lane);
  auto* tap = new NumsubTap(hub_, kind, std::move(names), client.open_slot(request));
  upstream_.forward(lane, request, SlotHandle(*tap, 0));
  return Taken::yes;
}

Taken SubscribedHandler::handle(Client& client, Request& request) {
  const protocol::Command* command = request.command;
  std::string reply;
  protocol::ReplyWriter writer(reply, client.context().resp);
  if (command == nullptr) {
    std::string words;
    for (std::size_t i = 1; i < request.argc() && words.size() < kMostQuoted; ++i) {
      words += "'" + quoted(request.arg(i), kMostQuoted - words.size()) + "' ";
    }
    writer.error("ERR unknown command '" + quoted(request.arg(0)) +
                 "', with args beginning with: " + words);
  } else if (protocol::has_subcommands(*command) && request.argc() > 1) {  // The container alone.
    std::string name(command->name);
    for (char& letter : name) letter = static_cast<char>(std::toupper(letter));
    writer.error("ERR unknown subcommand '" + quoted(request.arg(1)) + "'. Try " + name + " HELP.");
  } else if (!command->accepts(request.argc()) || (command->name == "ping" && request.argc() > 2)) {
    writer.error(refusal(*command) + "wrong number of arguments for '" +
                 std::string(command->name) + "' command");
  } else if (verb_of(command->name)) {
    return pubsub_.handle(client, request);
  } else if (command->name == "quit" || command->name == "reset") {
    return local_.handle(client, request);
  } else if (command->name == "ping") {
    writer.array(2);
    writer.bulk("pong");
    writer.bulk(request.argc() > 1 ? request.arg(1) : std::string_view());
  } else {
    writer.error(refusal(*command) + "Can't execute '" + std::string(command->name) +
                 "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
                 "this context");
  }
  client.open_slot(request).complete(reply);
  return Taken::yes;
}

}  // namespace hawser
