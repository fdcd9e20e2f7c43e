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

  /// The user, if this password equals the upstream URL's or was accepted within the cache time.
  std::optional<UserId> recognise(std::string_view user, std::string_view password,
                                  TimePoint now) const;
  /// Redis accepted this password for this user at `now`.
  UserId accept(std::string_view user, std::string_view password, TimePoint now);
  /// A connection of the user was refused (NOAUTH, WRONGPASS): nothing is known of it any more.
  void forget(UserId id) {
    users_[id].accepted_until = TimePoint::min();
    // Where the URL names no password, who gives the right one is somebody else.
    if (id == kUpstreamUser && users_[id].credentials.password.empty()) {
      by_name_.erase(users_[id].credentials.user.empty() ? "default" : users_[id].credentials.user);
    }
  }

 private:
  using Hash = std::array<unsigned char, 32>;
  struct User {
    Credentials credentials;
    Hash hash{};
    TimePoint accepted_until = TimePoint::min();
  };

  Hash hash(std::string_view password) const;

  Duration cache_;
  std::array<unsigned char, 16> salt_;
  std::vector<User> users_;  ///< By UserId.
  std::unordered_map<std::string, UserId> by_name_;
};

}  // namespace hawser
