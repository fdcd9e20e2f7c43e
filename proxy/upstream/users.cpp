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

std::optional<UserId> Users::recognise(std::string_view user, std::string_view password,
                                       TimePoint now) const {
  const auto found = by_name_.find(canonical_name(user));
  if (found == by_name_.end()) return std::nullopt;
  const User& known = users_[found->second];
  if (found->second == kUpstreamUser && !known.credentials.password.empty() &&
      equal(known.credentials.password, password)) {
    return found->second;
  }
  if (now >= known.accepted_until) return std::nullopt;
  const Hash given = hash(password);
  if (CRYPTO_memcmp(given.data(), known.hash.data(), given.size()) != 0) return std::nullopt;
  return found->second;
}

UserId Users::accept(std::string_view user, std::string_view password, TimePoint now) {
  const auto [found, is_new] =
      by_name_.emplace(canonical_name(user), static_cast<UserId>(users_.size()));
  if (is_new) users_.emplace_back();
  User& known = users_[found->second];
  // The URL's own credentials stay what the operator configured.
  if (found->second != kUpstreamUser)
    known.credentials = {canonical_name(user), std::string(password)};
  known.hash = hash(password);
  known.accepted_until = now + cache_;
  return found->second;
}

}  // namespace hawser
