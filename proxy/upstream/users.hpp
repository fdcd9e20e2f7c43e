#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/redis_url.hpp"
#include "proxy/runtime/clock.hpp"
#include "proxy/traffic/context.hpp"

namespace hawser {

/// The users hawser opens connections for, and which passwords Redis accepted lately. Passwords are
/// compared by salted hash; the last accepted one is kept for the user's connections. Pure.
class Users {
 public:
  struct Credentials {
    std::string user;      ///< Empty: the default user.
    std::string password;  ///< Empty: none.
  };

  /// `url` gives user 0. `cache`: how long an accepted password need not be asked again.
  Users(const config::RedisUrl& url, Duration cache);

  const Credentials& credentials(UserId id) const { return users_[id].credentials; }
  /// As ACL LIST has it.
  std::string name(UserId id) const {
    return credentials(id).user.empty() ? "default" : credentials(id).user;
  }

  /// Who logs in, and how: Redis may accept `AUTH default password` and not `AUTH password`.
  struct Login {
    std::string_view user;  ///< "default" if none is named.
    std::string_view password;
    bool names_user = true;
  };
  /// The user, if this password equals the upstream URL's or was accepted within the cache time for
  /// such a login.
  std::optional<UserId> recognise(const Login& login, TimePoint now) const;
  /// Redis accepted this at `now`. REQUIRES: the user's name is not empty.
  UserId accept(const Login& login, TimePoint now);
  /// A connection of the user was refused (NOAUTH, WRONGPASS): nothing is known of it any more.
  void forget(UserId id) {
    users_[id].accepted = {};
    // Where the URL names no password, who gives the right one is somebody else.
    if (id == kUpstreamUser && users_[id].credentials.password.empty()) {
      by_name_.erase(users_[id].credentials.user.empty() ? "default" : users_[id].credentials.user);
    }
  }

 private:
  using Hash = std::array<unsigned char, 32>;
  struct Accepted {
    Hash hash{};
    TimePoint until = TimePoint::min();
  };
  struct User {
    Credentials credentials;
    std::array<Accepted, 2> accepted;  ///< Without and with the user's name.
  };

  Hash hash(std::string_view password) const;

  Duration cache_;
  std::array<unsigned char, 16> salt_;
  std::vector<User> users_;  ///< By UserId.
  std::unordered_map<std::string, UserId> by_name_;
};

}  // namespace hawser
