#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// The commands that choose a client's context: AUTH, HELLO and SELECT. Each changes it only on the
/// upstream's word: a password it accepted, a database whose lane it opened.
class ContextHandler final : public Handler {
 public:
  explicit ContextHandler(Upstream& upstream) : upstream_(upstream) {}
  Taken handle(Client& client, Request& request) override;

 private:
  struct Hello;
  /// What became of a login; `error` is the whole error reply, `failure` says why there is none.
  struct Login {
    bool accepted = false;
    UserId user = kUpstreamUser;
    std::string error;
    Failure failure = Failure::down;
  };

  void auth(Client& client, Request& request);
  void hello(Client& client, Request& request);
  void select(Client& client, Request& request);
  /// Calls `done` at once if the password is known, else when the upstream has told.
  void log_in(std::string_view user, std::string_view password, bool with_user, TimePoint deadline,
              std::function<void(const Login&)> done);
  void finish_hello(const std::shared_ptr<Client>& client, const std::shared_ptr<Hello>& hello);
  void answer_hello(Client& client, Hello& hello);

  Upstream& upstream_;
};

}  // namespace hawser
