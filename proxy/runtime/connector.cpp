#include "proxy/runtime/connector.hpp"

#include <cstring>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "proxy/runtime/loop.hpp"

namespace hawser {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

std::string error_name(const error_code& error) {
  if (error == asio::error::host_not_found || error == asio::error::no_data) return "ENOTFOUND";
  if (error == asio::error::host_not_found_try_again) return "EAI_AGAIN";
  if (error == asio::error::operation_aborted) return "ETIMEDOUT";
  if (error.category() == boost::system::system_category()) return errno_name(error.value());
  return error.message();
}

}  // namespace

/// Shared by the attempt and its owner, so that either may end first.
struct Connector::State {
  explicit State(Loop& owner_loop)
      : loop(owner_loop),
        resolver(owner_loop.io()),
        socket(owner_loop.io()),
        timer(owner_loop.io()) {}

  void cancel() {
    error_code ignored;
    resolver.cancel();
    socket.close(ignored);
    timer.cancel();
  }
  void finish(ConnectResult result) {
    timer.cancel();
    if (!done) return;  // Nobody waits any more; a connected socket is closed with this state.
    auto call = std::move(done);
    done = nullptr;
    if (result.descriptor >= 0) result.descriptor = socket.release();
    loop.enter_turn();
    call(std::move(result));
  }

  Loop& loop;
  asio::ip::tcp::resolver resolver;
  asio::generic::stream_protocol::socket socket;
  asio::steady_timer timer;
  std::function<void(ConnectResult)> done;
  bool expired = false;
};

namespace {

template <typename State>
asio::awaitable<error_code> try_address(std::shared_ptr<State> state,
                                        asio::generic::stream_protocol::endpoint address) {
  error_code ignored;
  state->socket.close(ignored);
  auto [error] = co_await state->socket.async_connect(address, kAsTuple);
  co_return error;
}

template <typename State>
asio::awaitable<void> attempt(std::shared_ptr<State> state, Endpoint endpoint) {
  error_code error;
  if (!endpoint.path.empty()) {
    error = co_await try_address(state, asio::local::stream_protocol::endpoint(endpoint.path));
  } else {
    auto [resolve_error, addresses] =
        co_await state->resolver.async_resolve(endpoint.host, std::to_string(endpoint.port),
                                               asio::ip::resolver_base::numeric_service, kAsTuple);
    error = resolve_error;
    for (auto it = addresses.begin(); !resolve_error && it != addresses.end(); ++it) {
      if (state->expired || !state->done) break;
      error = co_await try_address(state, it->endpoint());
      if (!error) break;
    }
  }
  if (error) {
    state->finish({-1, state->expired ? "ETIMEDOUT" : error_name(error)});
  } else {
    state->finish({state->socket.native_handle(), {}});
  }
}

}  // namespace

Connector::Connector(Loop& loop, const Endpoint& endpoint, TimePoint deadline,
                     std::function<void(ConnectResult)> done)
    : state_(std::make_shared<State>(loop)) {
  state_->done = std::move(done);
  state_->timer.expires_at(deadline);
  state_->timer.async_wait([state = state_](const error_code& error) {
    if (error || !state->done) return;
    state->expired = true;
    error_code ignored;
    state->socket.close(ignored);
    state->resolver.cancel();
    // A resolver's look-up cannot be interrupted; its late answer finds nobody waiting.
    state->finish({-1, "ETIMEDOUT"});
  });
  asio::co_spawn(loop.io(), attempt(state_, endpoint), [state = state_](std::exception_ptr error) {
    if (error) state->finish({-1, "EIO"});
  });
}

Connector::~Connector() {
  state_->done = nullptr;
  state_->cancel();
}

std::string errno_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : "errno " + std::to_string(error);
}

}  // namespace hawser
