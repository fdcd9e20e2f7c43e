#include "proxy/upstream/control.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <utility>

#include "protocol/request_parser.hpp"
#include "proxy/runtime/stream_socket.hpp"
#include "proxy/runtime/timer.hpp"

namespace hawser {

namespace {

/// So many questions of each line at a time.
constexpr std::ptrdiff_t kMostOwn = 4;
constexpr std::ptrdiff_t kMostOfClients = 8;
constexpr std::ptrdiff_t kMostKills = 2;
constexpr const char* kTimedOut = "ETIMEDOUT";

struct ReplyEnd {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

struct ReaderEnd {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};

ControlReply read(const redisReply& reply) {
  ControlReply out{
      reply.type == REDIS_REPLY_ERROR, reply.type == REDIS_REPLY_INTEGER, reply.integer, {}, {}};
  if (reply.str != nullptr) out.text.assign(reply.str, reply.len);
  for (std::size_t i = 0; i < reply.elements; ++i) {
    const redisReply& item = *reply.element[i];
    if (item.type == REDIS_REPLY_ARRAY) {
      for (std::string& inner : read(item).items) out.items.push_back(std::move(inner));
    } else if (item.type == REDIS_REPLY_INTEGER) {
      out.items.push_back(std::to_string(item.integer));
    } else {
      out.items.emplace_back(item.str != nullptr ? std::string(item.str, item.len) : std::string());
    }
  }
  return out;
}

}  // namespace

class Control::Conversation final : public SocketOwner,
                                    public std::enable_shared_from_this<Conversation> {
 public:
  /// `login`, if not empty, is one request, and `request` is sent when it has succeeded.
  Conversation(Control& control, std::string login, std::string request, std::size_t replies,
               std::size_t asked, TimePoint deadline, ControlLine line,
               std::function<void(ControlAnswer)> done)
      : control_(control),
        line_(line),
        is_logging_in_(!login.empty()),
        request_(is_logging_in_ ? std::move(login) : std::move(request)),
        after_login_(is_logging_in_ ? std::move(request) : std::string()),
        replies_(replies),
        asked_(asked),
        deadline_(deadline),
        done_(std::move(done)),
        timer_(control.parts_.loop,
               [this] {
                 finish({ControlAnswer::Kind::unreachable, 0, kTimedOut, {}});
               }),
        reader_(redisReaderCreate()) {
    timer_.set(deadline);
  }
  ~Conversation() {
    if (socket_ != nullptr) count(-1);
  }

  /// Ends it without an answer.
  void drop() {
    timer_.cancel();
    connector_.reset();
    if (socket_ != nullptr) socket_->close();
    done_ = nullptr;
  }
  ControlLine line() const { return line_; }
  bool is_started() const { return connector_ != nullptr || socket_ != nullptr; }
  void start() {
    connector_ = std::make_unique<Connector>(
        control_.parts_.loop, control_.parts_.endpoint, deadline_,
        [this](ConnectResult result) { on_connected(std::move(result)); });
  }

  void on_readable() override {
    Loop& loop = control_.parts_.loop;
    const IoResult result = socket_->receive(loop.scratch(), Loop::kScratchBytes);
    if (result.status == IoResult::Status::ended || result.status == IoResult::Status::failed) {
      finish({ControlAnswer::Kind::unreachable,
              0,
              result.error != 0 ? errno_name(result.error) : "closed by the upstream",
              {}});
      return;
    }
    redisReaderFeed(reader_.get(), loop.scratch(), result.bytes);
    while (true) {
      void* decoded = nullptr;
      if (redisReaderGetReply(reader_.get(), &decoded) != REDIS_OK) {
        finish({ControlAnswer::Kind::unreachable, 0, "malformed reply", {}});
        return;
      }
      if (decoded == nullptr) break;
      const std::unique_ptr<redisReply, ReplyEnd> reply(static_cast<redisReply*>(decoded));
      if (is_logging_in_) {
        is_logging_in_ = false;
        if (reply->type == REDIS_REPLY_ERROR) {
          refuse(read(*reply));
          return;
        }
        request_ = std::move(after_login_);
        write();
        if (!done_) return;
        continue;
      }
      // Replies to what precedes the question: had they mattered, the last one says so too.
      if (replies_ <= asked_) taken_.push_back(read(*reply));
      if (--replies_ > 0) continue;
      const ControlReply& last = taken_.back();
      if (is_full(last)) {
        is_asked_ = false;  // Nothing of it was executed.
        finish({ControlAnswer::Kind::unreachable, 0, "max number of clients reached", {}});
        return;
      }
      finish({last.is_error ? ControlAnswer::Kind::error : ControlAnswer::Kind::reply, last.number,
              last.text, taken_});
      return;
    }
    socket_->wait_readable(shared_from_this());
  }

  void on_writable() override { write(); }

 private:
  static bool is_full(const ControlReply& reply) {
    return reply.is_error && reply.text.starts_with("ERR max number of clients");
  }
  /// The user is not let in: on this connection the question would be another user's, perhaps one
  /// with more rights. To each of its commands that is the reply.
  void refuse(const ControlReply& reply) {
    if (is_full(reply)) {
      finish({ControlAnswer::Kind::unreachable, 0, "max number of clients reached", {}});
      return;
    }
    finish({ControlAnswer::Kind::error, 0, reply.text, std::vector<ControlReply>(asked_, reply)});
  }

  void on_connected(ConnectResult result) {
    if (result.descriptor < 0) {
      finish({ControlAnswer::Kind::unreachable, 0, std::move(result.error), {}});
      return;
    }
    socket_ = std::make_unique<StreamSocket>(control_.parts_.loop, result.descriptor);
    count(1);
    socket_->wait_readable(shared_from_this());
    write();
  }

  void write() {
    const IoResult result = socket_->send(request_.data(), request_.size());
    if (result.status == IoResult::Status::failed) {
      finish({ControlAnswer::Kind::unreachable, 0, errno_name(result.error), {}});
      return;
    }
    is_asked_ = is_asked_ || (!is_logging_in_ && result.bytes > 0);
    request_.erase(0, result.bytes);
    if (!request_.empty()) socket_->wait_writable(shared_from_this());
  }

  void finish(ControlAnswer answer) {
    const auto self = shared_from_this();
    if (!done_) return;
    const auto done = std::move(done_);
    answer.may_have_run = answer.kind == ControlAnswer::Kind::unreachable && is_asked_;
    drop();
    std::erase(control_.conversations_, self);
    done(std::move(answer));
    control_.serve();
  }

  void count(int n) {
    control_.parts_.stats.connections[static_cast<std::size_t>(LaneRole::control)].add(n);
  }

  Control& control_;
  const ControlLine line_;
  bool is_logging_in_;
  bool is_asked_ = false;  ///< Some of the question was written.
  std::string request_;
  std::string after_login_;
  std::size_t replies_;      ///< Still to come.
  const std::size_t asked_;  ///< Of them, the last so many are the question's own.
  std::vector<ControlReply> taken_;
  const TimePoint deadline_;
  std::function<void(ControlAnswer)> done_;
  Timer timer_;
  std::unique_ptr<Connector> connector_;
  std::unique_ptr<StreamSocket> socket_;
  std::unique_ptr<redisReader, ReaderEnd> reader_;
};

Control::~Control() {
  close();
}

void Control::close() {
  const auto dropped = std::exchange(conversations_, {});
  for (const auto& conversation : dropped) conversation->drop();
}

void Control::ask(const ControlQuestion& question, TimePoint deadline,
                  std::function<void(ControlAnswer)> done) {
  std::string login;
  if (question.user) {
    const Users::Credentials& known = parts_.users.credentials(*question.user);
    if (!known.user.empty()) {
      protocol::append_command(login, {"AUTH", known.user, known.password});
    } else if (!known.password.empty()) {
      protocol::append_command(login, {"AUTH", known.password});
    }
  }
  std::vector<ControlQuestion::Command> commands = {
      {"CLIENT", "SETNAME", parts_.connection_name(LaneRole::control)}};
  commands.insert(commands.end(), question.commands.begin(), question.commands.end());
  std::string request;
  for (const auto& command : commands) {
    protocol::append_command(request, {command.begin(), command.end()});
  }
  std::size_t replies = commands.size();
  if (question.asks_anyway && !login.empty()) {
    request = std::exchange(login, {}) + request;
    ++replies;
  }
  const auto conversation = std::make_shared<Conversation>(
      *this, std::move(login), std::move(request), replies, question.commands.size(), deadline,
      question.line, std::move(done));
  conversations_.push_back(conversation);
  if (question.line == ControlLine::none) {
    conversation->start();
  } else {
    serve();
  }
}

void Control::ask_for(
    Client& client, const Request& request, const ControlQuestion& question, Duration time,
    std::function<void(const ControlAnswer&, const std::shared_ptr<HeldAnswer>&)> done) {
  auto held = std::make_shared<HeldAnswer>(client, request, parts_.loop);
  ask(question, parts_.loop.now() + time,
      [held = std::move(held), done = std::move(done)](const ControlAnswer& answer) {
        done(answer, held);
      });
}

void pass_on(const ControlAnswer& answer, Duration time, HeldAnswer& held) {
  const bool is_integer = !answer.replies.empty() && answer.replies.back().is_integer;
  if (answer.kind == ControlAnswer::Kind::reply) {
    held.complete((is_integer ? ":" + std::to_string(answer.number) : "+" + answer.text) + "\r\n");
  } else if (answer.kind == ControlAnswer::Kind::error) {
    held.complete("-" + answer.text + "\r\n");
  } else if (!answer.may_have_run) {
    held.fail(Failure::down);
  } else if (answer.text == kTimedOut) {
    held.time_out(time);
  } else {
    held.fail(Failure::lost);
  }
}

void Control::serve() {
  serve(ControlLine::own, kMostOwn);
  serve(ControlLine::clients, kMostOfClients);
  serve(ControlLine::kills, kMostKills);
}

void Control::serve(ControlLine line, std::ptrdiff_t most) {
  auto free = most - std::ranges::count_if(conversations_, [line](const auto& c) {
                return c->is_started() && c->line() == line;
              });
  for (const auto& conversation : conversations_) {
    if (free <= 0) return;
    if (conversation->is_started() || conversation->line() != line) continue;
    conversation->start();
    --free;
  }
}

}  // namespace hawser
