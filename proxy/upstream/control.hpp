#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/runtime/clock.hpp"
#include "proxy/traffic/held_answer.hpp"
#include "proxy/traffic/request.hpp"
#include "proxy/upstream/upstream_parts.hpp"

namespace hawser {

/// The reply to one command.
struct ControlReply {
  bool is_error = false;
  bool is_integer = false;
  std::int64_t number = 0;         ///< If it is an integer.
  std::string text;                ///< Of a string, a status or an error.
  std::vector<std::string> items;  ///< Of an array, with those in it, as text; null: empty.
};

/// What a question to the upstream brought.
struct ControlAnswer {
  enum class Kind : std::uint8_t { reply, error, unreachable };
  Kind kind;
  std::int64_t number = 0;  ///< The last reply, if it is an integer.
  std::string text;  ///< The last reply's or the error's text; for unreachable why, symbolic.
  std::vector<ControlReply> replies;  ///< Those to the question's commands; none if unreachable.
  bool may_have_run = false;          ///< Unreachable, but the question was sent.
};

/// What a question waits in: a few of each are asked at a time, in their order.
enum class ControlLine : std::uint8_t {
  own,      ///< Hawser's own.
  clients,  ///< What clients want to be asked.
  kills,    ///< The same of what ends a script that others wait for.
  none,     ///< Hawser's own that others wait for: it is asked at once.
};

/// One question: commands for a connection of its own, in one write, after its login if it has one.
/// If that is refused the question is not asked, and the refusal is the reply to each command.
struct ControlQuestion {
  using Command = std::vector<std::string>;
  std::optional<UserId> user;     ///< Whose connection; none: one that is not logged in.
  std::vector<Command> commands;  ///< The last one's reply is the answer.
  ControlLine line = ControlLine::own;
  /// Is asked even if the login is refused, whoever it is then: for what tells of the server only.
  bool asks_anyway = false;
};

/// Hawser's own questions to the upstream, each on a short-lived RESP2 connection, so that they
/// neither wait behind clients' requests nor leave state on a lane. A few at a time; the others
/// wait in line. Owned by Upstream.
class Control {
 public:
  explicit Control(UpstreamParts& parts) : parts_(parts) {}
  ~Control();

  /// Asks; `done` is called once, by `deadline` at the latest, unless Control ends before.
  void ask(const ControlQuestion& question, TimePoint deadline,
           std::function<void(ControlAnswer)> done);
  /// Asks what a client wants to be asked, for `time` from now; nothing else of it is dispatched
  /// until it has its answer.
  void ask_for(Client& client, const Request& request, const ControlQuestion& question,
               Duration time,
               std::function<void(const ControlAnswer&, const std::shared_ptr<HeldAnswer>&)> done);
  /// Drops every question; nobody is called any more.
  void close();

 private:
  class Conversation;
  void serve();
  void serve(ControlLine line, std::ptrdiff_t most);

  UpstreamParts& parts_;
  std::list<std::shared_ptr<Conversation>> conversations_;  ///< Those in line as well, in order.
};

/// Answers as Redis did: with the last reply, an integer, a status or an error; or by what became
/// of a question that was given `time`.
void pass_on(const ControlAnswer& answer, Duration time, HeldAnswer& held);

}  // namespace hawser
