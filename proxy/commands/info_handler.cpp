#include "proxy/commands/info_handler.hpp"

#include "protocol/reply_writer.hpp"
#include "proxy/traffic/reply_tap.hpp"

namespace hawser {

/// Sees an INFO reply pass on its way to the client.
class InfoHandler::Tap final : public ReplyTap {
 public:
  Tap(InfoHandler& handler, Key key, RespVersion resp, SlotHandle slot)
      : ReplyTap(std::move(slot)), handler_(handler), key_(std::move(key)), resp_(resp) {}

  void on_reply(std::uint32_t, Reply reply) override {
    handler_.remember(key_, reply.bytes);
    slot().complete(reply);
  }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    const std::string copy = handler_.last_copy(key_, resp_);
    if (copy.empty()) {
      slot().fail(failure, number);
    } else {
      slot().complete(copy);
    }
  }
  void on_expiry(std::uint32_t slot, Failure failure, std::int64_t number) override {
    on_failure(slot, failure, number);  // It changes nothing: nobody need wait for its late reply.
  }

 private:
  InfoHandler& handler_;
  Key key_;
  RespVersion resp_;
};

Taken InfoHandler::handle(Client& client, Request& request) {
  MainLane* lane = upstream_.main_lane(client.context());
  if (!client.may_go_to(lane)) return Taken::later;
  Key key{client.context().user, {}};
  for (std::size_t i = 1; i < request.argc(); ++i) {
    for (const char c : request.arg(i)) key.second += static_cast<char>(c | 0x20);
    key.second += ' ';
  }
  const RespVersion resp = client.context().resp;
  if (lane == nullptr || !upstream_.circuit().allows()) {
    const std::string copy = last_copy(key, resp);
    if (!copy.empty()) {
      client.open_slot(request).complete(copy);
      return Taken::yes;
    }
  }
  client.set_route(lane);
  auto* tap = new Tap(*this, std::move(key), resp, client.open_slot(request));
  upstream_.forward(lane, request, SlotHandle(*tap, 0));
  return Taken::yes;
}

void InfoHandler::remember(const Key& key, std::string_view reply) {
  // $<length>\r\n<text>\r\n, or in RESP3 =<length>\r\ntxt:<text>\r\n
  if (!reply.starts_with('$') && !reply.starts_with('=')) return;
  const std::size_t line = reply.find("\r\n");
  const std::size_t prefix = line + 2 + (reply.starts_with('=') ? 4 : 0);
  if (line == std::string_view::npos || reply.size() < prefix + 2) return;
  if (reply.size() > kLargestCopy) return;
  if (copies_.size() >= kMostCopies && !copies_.contains(key)) return;
  copies_[key] = {std::string(reply.substr(prefix, reply.size() - prefix - 2)),
                  upstream_.loop().now()};
}

std::string InfoHandler::last_copy(const Key& key, RespVersion resp) const {
  if (upstream_.settings().commands.info_when_down != config::InfoWhenDown::last) return {};
  const auto found = copies_.find(key);
  if (found == copies_.end()) return {};
  std::string text = found->second.text;
  const std::size_t loading = text.find("\nloading:1");
  if (loading != std::string::npos) text[loading + 9] = '0';
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(upstream_.loop().now() -
                                                                    found->second.taken);
  text += "\r\n# Hawser\r\nhawser_upstream:down\r\nhawser_info_age_seconds:";
  text += std::to_string(age.count()) + "\r\n";
  std::string reply;
  protocol::ReplyWriter(reply, resp).verbatim(text);
  return reply;
}

}  // namespace hawser
