#include "proxy/upstream/client_scripts.hpp"

#include <algorithm>
#include <array>

#include "protocol/request_parser.hpp"
#include "proxy/traffic/words.hpp"
#include "proxy/upstream/script_book.hpp"

namespace hawser {

namespace {

/// What a remembered script takes besides its text.
constexpr std::size_t kOverhead = 256;

/// Without one of these a script makes no error but Redis' own, which tell where it was raised:
/// error(), error_reply() and {err = ...}, what pcall() caught, tables read from texts.
constexpr std::array<std::string_view, 4> kMakesErrors = {"err", "pcall", "cjson", "cmsgpack"};

bool can_make_errors(std::string_view body) {
  return std::ranges::any_of(kMakesErrors, [&](std::string_view word) {
    return body.find(word) != std::string_view::npos;
  });
}

}  // namespace

bool ClientScripts::takes(std::string_view body) const {
  return body.size() + kOverhead <= limit_;
}

bool ClientScripts::knows(UserId user, std::string_view body, std::uint64_t server) {
  const Script* script = use(by_body_, {user, body});
  return script != nullptr && script->server == server;
}

void ClientScripts::remember(UserId user, std::string body, std::uint64_t server) {
  if (Script* script = use(by_body_, {user, body})) {
    script->server = server;
    return;
  }
  bytes_ += body.size() + kOverhead;
  std::string digest = script_digest(body);
  scripts_.push_front({user, std::move(body), std::move(digest), server});
  const Script& script = scripts_.front();
  by_body_.emplace(Key{user, script.body}, scripts_.begin());
  by_digest_.emplace(Key{user, script.digest}, scripts_.begin());
  while (bytes_ > limit_) drop_oldest();
}

std::optional<ClientScripts::Eval> ClientScripts::to_eval(UserId user, std::string_view evalsha,
                                                          std::uint64_t server) {
  protocol::RequestParser parser({});
  if (parser.parse(evalsha) != protocol::RequestParser::Status::complete || parser.argc() < 2) {
    return std::nullopt;
  }
  std::string digest = to_lower(parser.arg(1));
  const Script* script = use(by_digest_, {user, digest});
  if (script == nullptr) return std::nullopt;
  const bool is_another_run = script->server != 0 && server != 0 && script->server != server;
  if (!is_another_run && can_make_errors(script->body)) return std::nullopt;
  std::string out = "*" + std::to_string(parser.argc()) + "\r\n";
  out += is_word(parser.arg(0), "evalsha_ro") ? "$7\r\nEVAL_RO" : "$4\r\nEVAL";
  out += "\r\n$" + std::to_string(script->body.size()) + "\r\n" + script->body;
  const std::string_view given = parser.arg(1);
  out += std::string_view(given.data() + given.size(), evalsha.data() + evalsha.size());
  return Eval{std::move(out), std::move(digest)};
}

void ClientScripts::note_sent(UserId user, std::string_view digest, std::uint64_t server) {
  if (Script* script = use(by_digest_, {user, digest})) script->server = server;
}

void ClientScripts::forget() {
  ++generation_;
  by_body_.clear();
  by_digest_.clear();
  scripts_.clear();
  bytes_ = 0;
}

ClientScripts::Script* ClientScripts::use(const Index& index, const Key& key) {
  const auto found = index.find(key);
  if (found == index.end()) return nullptr;
  scripts_.splice(scripts_.begin(), scripts_, found->second);
  return &*found->second;
}

void ClientScripts::drop_oldest() {
  const Script& script = scripts_.back();
  bytes_ -= script.body.size() + kOverhead;
  by_body_.erase(Key{script.user, script.body});
  by_digest_.erase(Key{script.user, script.digest});
  scripts_.pop_back();
}

}  // namespace hawser
