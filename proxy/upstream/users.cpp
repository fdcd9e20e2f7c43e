#include "proxy/upstream/users.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace hawser {

namespace {

std::string canonical_name(std::string_view user) {
  return user.empty() ? "default" : std::string(user);
}

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Users::Users(const config::RedisUrl& url, Duration cache) : cache_(cache) {
  if (RAND_bytes(salt_.data(), static_cast<int>(salt_.size())) != 1) {
    throw std::runtime_error("no random numbers from OpenSSL");
  }
  User& own = users_.emplace_back();
  own.credentials = {url.user, url.password};
  by_name_.emplace(canonical_name(url.user), kUpstreamUser);
}

Users::Hash Users::hash(std::string_view password) const {
  std::string salted(reinterpret_cast<const char*>(salt_.data()), salt_.size());
  salted += password;
  Hash out;
  unsigned length = 0;
  if (EVP_Digest(salted.data(), salted.size(), out.data(), &length, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("no SHA-256 from OpenSSL");
  }
  OPENSSL_cleanse(salted.data(), salted.size());
  return out;
}

std::optional<UserId> Users::recognise(const Login& login, TimePoint now) const {
  const auto found = by_name_.find(std::string(login.user));
  if (found == by_name_.end()) return std::nullopt;
  const User& known = users_[found->second];
  // The URL's own login may name the user where this one does not.
  const Credentials& own = known.credentials;
  const bool is_as_own = login.names_user || own.user.empty();
  if (found->second == kUpstreamUser && is_as_own && !own.password.empty() &&
      equal(own.password, login.password)) {
    return found->second;
  }
  const Accepted& accepted = known.accepted[login.names_user ? 1 : 0];
  if (now >= accepted.until) return std::nullopt;
  const Hash given = hash(login.password);
  if (CRYPTO_memcmp(given.data(), accepted.hash.data(), given.size()) != 0) return std::nullopt;
  return found->second;
}

UserId Users::accept(const Login& login, TimePoint now) {
  const auto [found, is_new] =
      by_name_.emplace(std::string(login.user), static_cast<UserId>(users_.size()));
  if (is_new) users_.emplace_back();
  User& known = users_[found->second];
  // The URL's own credentials stay what the operator configured.
  if (found->second != kUpstreamUser) {
    known.credentials = {std::string(login.names_user ? login.user : ""),
                         std::string(login.password)};
  }
  known.accepted[login.names_user ? 1 : 0] = {hash(login.password), now + cache_};
  return found->second;
}

}  // namespace hawser
