#include "proxy/cache/script_caller.hpp"

#include <charconv>
#include <utility>

#include "protocol/request_parser.hpp"
#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

/// Reads a reply of scalars, or a flat or once nested array of them, into items.
class ItemReader {
 public:
  explicit ItemReader(std::string_view reply) : rest_(reply) {}
  void read(std::vector<std::string>& items) {
    const std::size_t end = rest_.find("\r\n");
    if (rest_.empty() || end == std::string_view::npos) return;
    const char type = rest_.front();
    const std::string_view line = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 2);
    const std::int64_t count = to_number(line);
    switch (type) {
      case '*':
      case '~':
      case '%':
        for (std::int64_t i = 0; i < count * (type == '%' ? 2 : 1); ++i) read(items);
        return;
      case '$':
      case '=':
        if (count < 0) {
          items.emplace_back();
          return;
        }
        items.emplace_back(rest_.substr(0, static_cast<std::size_t>(count)));
        rest_.remove_prefix(std::min(rest_.size(), static_cast<std::size_t>(count) + 2));
        return;
      case '_':
        items.emplace_back();
        return;
      default:
        items.emplace_back(line);
    }
  }

 private:
  std::string_view rest_;
};

/// Where the reply to one call goes.
class Call final : public ReplySink {
 public:
  Call(Script* script, ScriptCaller::Done done) : script_(script), done_(std::move(done)) {}

  void on_reply(std::uint32_t, Reply reply) override {
    ScriptAnswer answer;
    if (reply.bytes.starts_with('-') || reply.bytes.starts_with('!')) {
      answer.kind = ScriptAnswer::Kind::error;
      answer.error = reply.bytes;
    } else {
      if (script_ != nullptr) script_->is_loaded = true;
      ItemReader(reply.bytes).read(answer.items);
    }
    finish(answer);
  }
  void on_failure(std::uint32_t, Failure failure, std::int64_t number) override {
    ScriptAnswer answer;
    answer.kind = failure_row(failure).outcome == Outcome::unknown ? ScriptAnswer::Kind::unknown
                                                                   : ScriptAnswer::Kind::not_sent;
    answer.failure = failure;
    answer.number = number;
    finish(answer);
  }

 private:
  void finish(const ScriptAnswer& answer) {
    const auto done = std::exchange(done_, nullptr);
    if (done) done(answer);
  }

  Script* script_;
  ScriptCaller::Done done_;
};

}  // namespace

std::int64_t ScriptAnswer::integer(std::size_t i) const {
  return i < items.size() ? to_number(items[i]) : 0;
}

std::string ScriptCaller::request(const Script& script, const std::vector<std::string_view>& keys,
                                  const std::vector<std::string_view>& args, bool whole) {
  const bool by_digest = script.is_loaded && !whole;
  const std::string count = std::to_string(keys.size());
  std::vector<std::string_view> words = {by_digest ? "EVALSHA" : "EVAL",
                                         by_digest ? script.digest : script.body, count};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), args.begin(), args.end());
  std::string bytes;
  protocol::append_command(bytes, words);
  return bytes;
}

void ScriptCaller::call(Passage passage, const Context& context, Script& script, const Words& keys,
                        const Words& args, Done done) {
  if (passage == Passage::control) {
    ask(context, script.body, keys, args, std::move(done));
    return;
  }
  const std::string bytes = request(script, {keys.begin(), keys.end()}, {args.begin(), args.end()});
  send(context, bytes, *new Call(&script, std::move(done)));
}

void ScriptCaller::command(Passage passage, const Context& context, const Words& words, Done done) {
  if (passage == Passage::control) {
    ask(context, "return redis.call(unpack(ARGV))", {}, words, std::move(done));
    return;
  }
  std::string bytes;
  protocol::append_command(bytes, {words.begin(), words.end()});
  send(context, bytes, *new Call(nullptr, std::move(done)));
}

void ScriptCaller::send(const Context& context, std::string_view bytes, ReplySink& sink) {
  static const protocol::Command* const row = protocol::find_command("cache.invalidate");
  Request own{.raw = bytes, .args = {}, .command = row, .following = {}};
  own.arrived = upstream_.loop().now();
  upstream_.forward(upstream_.main_lane(context), own, SlotHandle(sink, 0));
}

void ScriptCaller::ask(const Context& context, std::string_view body, const Words& keys,
                       const Words& args, Done done) {
  // Behind a SELECT that was refused the script would act on another database: it selects itself.
  std::string text;
  if (context.database != 0) {
    text = "redis.call('SELECT', '" + std::to_string(context.database) + "')\n";
  }
  ControlQuestion::Command command = {"EVAL", text.append(body), std::to_string(keys.size())};
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), args.begin(), args.end());
  upstream_.control().ask(
      {.user = context.user, .commands = {std::move(command)}, .line = ControlLine::none},
      upstream_.loop().now() + upstream_.settings().timeout.command,
      [done = std::move(done)](const ControlAnswer& answer) {
        ScriptAnswer out;
        if (answer.kind == ControlAnswer::Kind::unreachable) {
          out.kind = ScriptAnswer::Kind::unknown;
        } else if (answer.kind == ControlAnswer::Kind::error) {
          out.kind = ScriptAnswer::Kind::error;
          out.error = "-" + answer.text + "\r\n";
        } else {
          const ControlReply& reply = answer.replies.back();
          out.items = reply.items;
          if (reply.is_integer) {
            out.items.push_back(std::to_string(reply.number));
          } else if (!reply.text.empty()) {
            out.items.push_back(reply.text);
          }
        }
        done(out);
      });
}

}  // namespace hawser
