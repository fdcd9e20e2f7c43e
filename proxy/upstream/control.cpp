#include "proxy/upstream/control.hpp"

#include <hiredis/hiredis.h>

#include "protocol/request_parser.hpp"
#include "proxy/runtime/stream_socket.hpp"
#include "proxy/runtime/timer.hpp"

namespace hawser {

namespace {

struct ReaderEnd {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};

}  // namespace

class Control::Question final : public SocketOwner, public std::enable_shared_from_this<Question> {
 public:
  Question(Control& control, std::string request, std::function<void(ControlAnswer)> done)
      : control_(control),
        request_(std::move(request)),
        done_(std::move(done)),
        timer_(control.loop_,
               [this] {
                 finish({ControlAnswer::Kind::unreachable, "ETIMEDOUT"});
               }),
        reader_(redisReaderCreate()) {}
  ~Question() {
    if (socket_ != nullptr) count(-1);
  }

  void start(TimePoint deadline) {
    timer_.set(deadline);
    connector_ = std::make_unique<Connector>(
        control_.loop_, control_.endpoint_, deadline,
        [this](ConnectResult result) { on_connected(std::move(result)); });
  }

  void on_readable() override {
    Loop& loop = control_.loop_;
    const IoResult result = socket_->receive(loop.scratch(), Loop::kScratchBytes);
    if (result.status == IoResult::Status::ended || result.status == IoResult::Status::failed) {
      finish({ControlAnswer::Kind::unreachable,
              result.error != 0 ? errno_name(result.error) : "closed by the upstream"});
      return;
    }
    redisReaderFeed(reader_.get(), loop.scratch(), result.bytes);
    void* decoded = nullptr;
    if (redisReaderGetReply(reader_.get(), &decoded) != REDIS_OK) {
      finish({ControlAnswer::Kind::unreachable, "malformed reply"});
      return;
    }
    if (decoded == nullptr) {
      socket_->wait_readable(shared_from_this());
      return;
    }
    auto* reply = static_cast<redisReply*>(decoded);
    ControlAnswer answer{
        reply->type == REDIS_REPLY_ERROR ? ControlAnswer::Kind::error : ControlAnswer::Kind::reply,
        reply->str != nullptr ? std::string(reply->str, reply->len) : ""};
    freeReplyObject(reply);
    finish(std::move(answer));
  }

  void on_writable() override { write(); }

 private:
  void on_connected(ConnectResult result) {
    if (result.descriptor < 0) {
      finish({ControlAnswer::Kind::unreachable, std::move(result.error)});
      return;
    }
    socket_ = std::make_unique<StreamSocket>(control_.loop_, result.descriptor);
    count(1);
    socket_->wait_readable(shared_from_this());
    write();
  }

  void write() {
    const IoResult result = socket_->send(request_.data(), request_.size());
    if (result.status == IoResult::Status::failed) {
      finish({ControlAnswer::Kind::unreachable, errno_name(result.error)});
      return;
    }
    request_.erase(0, result.bytes);
    if (!request_.empty()) socket_->wait_writable(shared_from_this());
  }

  void finish(ControlAnswer answer) {
    const auto self = shared_from_this();
    timer_.cancel();
    connector_.reset();
    if (socket_ != nullptr) socket_->close();
    std::erase(control_.open_, self);
    const auto done = std::move(done_);
    done(std::move(answer));
  }

  void count(int n) {
    control_.stats_.connections[static_cast<std::size_t>(LaneRole::control)].add(n);
  }

  Control& control_;
  std::string request_;
  std::function<void(ControlAnswer)> done_;
  Timer timer_;
  std::unique_ptr<Connector> connector_;
  std::unique_ptr<StreamSocket> socket_;
  std::unique_ptr<redisReader, ReaderEnd> reader_;
};

Control::Control(Loop& loop, Endpoint endpoint, UpstreamStats& stats)
    : loop_(loop), endpoint_(std::move(endpoint)), stats_(stats) {}

Control::~Control() = default;

void Control::ask(const std::vector<std::string>& command, TimePoint deadline,
                  std::function<void(ControlAnswer)> done) {
  std::string request;
  protocol::append_command(request, {command.begin(), command.end()});
  open_.push_back(std::make_shared<Question>(*this, std::move(request), std::move(done)));
  open_.back()->start(deadline);
}

}  // namespace hawser
