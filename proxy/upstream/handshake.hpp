#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/traffic/context.hpp"

namespace hawser {

/// A connection that was lost with requests unanswered.
struct Predecessor {
  std::uint64_t client_id = 0;  ///< 0: not known.
  std::string run_id;  ///< Of the server's process, in which the id was given; may be empty.
};

/// What a new upstream connection has to be told before it carries requests.
struct HandshakePlan {
  RespVersion resp = RespVersion::resp2;
  std::string user;
  std::string password;
  std::uint32_t database = 0;
  std::string name;     ///< For CLIENT SETNAME.
  std::string version;  ///< Of hawser, for CLIENT SETINFO.
  /// Killed first, since what they left unread in their sockets would otherwise run after newer
  /// requests. Those of another run of the server are gone with it, and their ids given anew.
  std::vector<Predecessor> predecessors;
};

/// What a finished handshake has learned.
struct HandshakeResult {
  std::string server_version;   ///< Empty if the server does not tell.
  std::uint64_t client_id = 0;  ///< Of this connection; 0 if the user may not know it.
  std::string run_id;           ///< Of the server's process; empty if the user may not know it.
  bool predecessors_killed = true;
};

/// The conversation that opens a lane, as a pure machine: bytes() is written, each reply is given
/// to on_reply(). All questions go out in one write. A server without HELLO (before Redis 6) is
/// asked again with AUTH, for RESP2.
class Handshake {
 public:
  enum class Step : std::uint8_t {
    more,    ///< Wait for the next reply.
    write,   ///< bytes() holds new bytes to write.
    done,    ///< result() is valid; the lane may carry requests.
    failed,  ///< error() is the server's error reply.
  };

  explicit Handshake(HandshakePlan plan);

  const std::string& bytes() const { return bytes_; }
  Step on_reply(std::string_view reply);

  const HandshakeResult& result() const { return result_; }
  /// The error reply as it came, '-' and line end included.
  const std::string& error() const { return error_; }
  /// Whether what failed was the choice of the database, and nothing before it.
  bool failed_at_select() const { return failed_at_select_; }

 private:
  enum class Question : std::uint8_t { hello, auth, select, name, optional, id, run, kill };

  void ask(Question question, const std::vector<std::string_view>& words);
  void ask_after_login();
  bool ask_to_kill();

  HandshakePlan plan_;
  std::string bytes_;
  std::vector<Question> asked_;
  std::size_t answered_ = 0;
  bool asked_to_kill_ = false;
  HandshakeResult result_;
  std::string error_;
  bool failed_at_select_ = false;
};

/// Whether a server refused a handshake for who asked, and not for its own state: asking again soon
/// would change nothing. `reply` is the error as it came.
inline bool is_login_refusal(std::string_view reply) {
  // Before Redis 6 there is no RESP3.
  const bool knows_no_hello = reply.starts_with("-ERR unknown command") &&
                              reply.substr(0, reply.find(',')).find("HELLO") != reply.npos;
  return knows_no_hello || reply.starts_with("-NOAUTH") || reply.starts_with("-WRONGPASS") ||
         reply.starts_with("-NOPERM") || reply.starts_with("-ERR invalid password");
}

/// The string or integer that follows `field` in a HELLO reply (map or flat array), or nothing.
std::optional<std::string> hello_field(std::string_view reply, std::string_view field);

}  // namespace hawser
