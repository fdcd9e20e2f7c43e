#include "proxy/commands/script_handler.hpp"

#include <utility>

#include "proxy/traffic/reply_tap.hpp"

namespace hawser {

namespace {

/// The run of the server that the context's requests go to; 0: not known.
std::uint64_t server_of(Upstream& upstream, const Context& context) {
  const MainLane* lane = upstream.find_main_lane(context);
  return lane != nullptr ? lane->server() : 0;
}

}  // namespace

/// Sees whether Redis accepted what was sent.
class ScriptHandler::Tap final : public ReplyTap {
 public:
  /// `body`: empty for SCRIPT FLUSH.
  Tap(Upstream& upstream, const Context& context, std::string_view body, SlotHandle slot)
      : ReplyTap(std::move(slot)),
        upstream_(upstream),
        scripts_(upstream.client_scripts()),
        generation_(scripts_.generation()),
        context_(context),
        body_(body) {}

  void on_reply(std::uint32_t, Reply reply) override {
    const char type = reply.bytes.front();
    if (type != '-' && type != '!') on_success();
    slot().complete(reply);
  }
  std::size_t stream_threshold(std::uint32_t) const override { return slot().stream_threshold(); }
  bool on_part(std::uint32_t, std::string_view part, bool last) override {
    if (last) on_success();  // No error is so long.
    return slot().stream(part, last);
  }

 private:
  void on_success() {
    if (body_.empty()) {
      upstream_.forget_scripts();
    } else if (scripts_.generation() == generation_) {
      scripts_.remember(context_.user, std::move(body_), server_of(upstream_, context_));
    }
  }

  Upstream& upstream_;
  ClientScripts& scripts_;
  const std::uint64_t generation_;  ///< Of another one Redis may have forgotten it already.
  const Context context_;
  std::string body_;
};

Taken ScriptHandler::handle(Client& client, Request& request) {
  ClientScripts& scripts = upstream_.client_scripts();
  const std::string_view name = request.command->name;
  const bool is_flush = name == "script|flush";
  const std::string_view body =
      is_flush ? std::string_view() : request.arg(name == "script|load" ? 2 : 1);
  const bool is_news =
      is_flush || (scripts.takes(body) && !scripts.knows(client.context().user, body,
                                                         server_of(upstream_, client.context())));
  const bool is_large = request.raw.size() > upstream_.settings().lanes.large_request;
  if (!is_news || is_large) return forward_.handle(client, request);
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  client.set_route(lane);
  // Now, for what follows it, and again with the reply, for what came before Redis took it.
  if (is_flush) upstream_.forget_scripts();
  auto* tap = new Tap(upstream_, client.context(), body, client.open_slot(request));
  upstream_.forward(lane, request, SlotHandle(*tap, 0));
  return Taken::yes;
}

}  // namespace hawser
