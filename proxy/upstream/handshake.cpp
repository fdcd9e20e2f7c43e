#include "proxy/upstream/handshake.hpp"

#include <charconv>
#include <utility>

#include "protocol/reply_framer.hpp"
#include "protocol/request_parser.hpp"

namespace hawser {

namespace {

std::uint64_t to_number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Handshake::Handshake(HandshakePlan plan) : plan_(std::move(plan)) {
  const std::string_view resp = plan_.resp == RespVersion::resp3 ? "3" : "2";
  // A user may have an empty password, or any.
  if (plan_.password.empty() && plan_.user.empty()) {
    ask(Question::hello, {"HELLO", resp});
  } else {
    const std::string_view user = plan_.user.empty() ? std::string_view("default") : plan_.user;
    ask(Question::hello, {"HELLO", resp, "AUTH", user, plan_.password});
  }
  ask_after_login();
}

void Handshake::ask(Question question, const std::vector<std::string_view>& words) {
  protocol::append_command(bytes_, words);
  asked_.push_back(question);
}

void Handshake::ask_after_login() {
  if (plan_.database != 0) ask(Question::select, {"SELECT", std::to_string(plan_.database)});
  ask(Question::name, {"CLIENT", "SETNAME", plan_.name});
  ask(Question::optional, {"CLIENT", "SETINFO", "LIB-NAME", "hawser"});
  ask(Question::optional, {"CLIENT", "SETINFO", "LIB-VER", plan_.version});
  ask(Question::optional, {"CLIENT", "NO-EVICT", "ON"});
  ask(Question::id, {"CLIENT", "ID"});
  ask(Question::run, {"INFO", "server"});
}

/// The second flight; returns whether there is any.
bool Handshake::ask_to_kill() {
  if (std::exchange(asked_to_kill_, true)) return false;
  bytes_.clear();
  for (const Predecessor& lost : plan_.predecessors) {
    const bool other_run =
        !lost.run_id.empty() && !result_.run_id.empty() && lost.run_id != result_.run_id;
    if (other_run) continue;
    ask(Question::kill, {"CLIENT", "KILL", "ID", std::to_string(lost.client_id)});
  }
  return !bytes_.empty();
}

Handshake::Step Handshake::on_reply(std::string_view reply) {
  const std::string_view error = protocol::error_text(reply);
  const bool is_error = !protocol::error_word(reply).empty();
  switch (asked_[answered_++]) {
    case Question::hello:
      if (is_error) {
        if (plan_.resp == RespVersion::resp2 && error.find("unknown command") != error.npos) {
          // Before Redis 6: the rest of the first flight is answered too, and not looked at.
          const std::size_t skipped = asked_.size() - answered_;
          answered_ = 0;
          asked_.assign(skipped, Question::optional);
          bytes_.clear();
          if (!plan_.user.empty()) {
            ask(Question::auth, {"AUTH", plan_.user, plan_.password});
          } else if (!plan_.password.empty()) {
            ask(Question::auth, {"AUTH", plan_.password});
          }
          ask_after_login();
          return Step::write;
        }
        error_ = reply;
        return Step::failed;
      }
      result_.server_version = hello_field(reply, "version").value_or("");
      break;
    case Question::auth:
    case Question::select:
      if (is_error) {
        failed_at_select_ = asked_[answered_ - 1] == Question::select;
        error_ = reply;
        return Step::failed;
      }
      break;
    case Question::name:
      if (protocol::error_word(reply) == "NOAUTH") {  // HELLO would have said so.
        error_ = reply;
        return Step::failed;
      }
      break;
    case Question::optional:
      break;  // A user may lack the right, a server the command; requests work without.
    case Question::id:
      if (reply.starts_with(':')) result_.client_id = to_number(reply.substr(1));
      break;
    case Question::run: {
      constexpr std::string_view kField = "run_id:";
      const std::size_t field = reply.find(kField);
      if (!is_error && field != std::string_view::npos) {
        const std::string_view value = reply.substr(field + kField.size());
        result_.run_id = value.substr(0, value.find('\r'));
      }
      break;
    }
    case Question::kill:
      // ":0", or "No such client" from older servers: it is gone already.
      if (protocol::error_word(reply) == "NOPERM") result_.predecessors_killed = false;
      break;
  }
  if (answered_ < asked_.size()) return Step::more;
  return ask_to_kill() ? Step::write : Step::done;
}

std::optional<std::string> hello_field(std::string_view reply, std::string_view field) {
  const std::string mark = "\r\n" + std::string(field) + "\r\n";
  const std::size_t at = reply.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = reply.substr(at + mark.size());
  if (rest.starts_with('$')) {  // The length line comes first.
    const std::size_t line = rest.find("\r\n");
    if (line == std::string_view::npos) return std::nullopt;
    const std::size_t length = to_number(rest.substr(1, line - 1));
    if (rest.size() < line + 2 + length) return std::nullopt;
    return std::string(rest.substr(line + 2, length));
  }
  if (rest.starts_with('+') || rest.starts_with(':')) {
    return std::string(rest.substr(1, rest.find("\r\n") - 1));
  }
  return std::nullopt;
}

}  // namespace hawser
