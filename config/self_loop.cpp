#include "config/self_loop.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

namespace hawser::config {
namespace {

/// An IPv6 address; IPv4 ones are mapped (::ffff:a.b.c.d).
using Address = std::array<std::uint8_t, 16>;

constexpr Address kAny6 = {};
constexpr Address kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr Address kAny4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
constexpr Address kLoopback4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (out.ends_with('.')) out.pop_back();
  return out;
}

/// The addresses a host stands for, without asking a name server; empty for other names.
std::vector<Address> addresses_of(const std::string& host) {
  if (host == "localhost" || host.ends_with(".localhost")) return {kLoopback4, kLoopback6};
  Address address{};
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), address.data()) == 1) {
    return {address};
  }
  in_addr v4{};
  // As resolvers do, 127.1 is read as 127.0.0.1.
  if (inet_aton(host.c_str(), &v4) != 1) return {};
  address = kAny4;
  std::memcpy(&address[12], &v4, sizeof v4);
  return {address};
}

bool is_v4(const Address& address) {
  return std::equal(kAny4.begin(), kAny4.begin() + 12, address.begin());
}

bool is_loopback(const Address& address) {
  return address == kLoopback6 || (is_v4(address) && address[12] == 127);
}

/// Whether a connection to `to` arrives at a socket bound to `bound`.
bool reaches(Address to, const Address& bound) {
  // To connect to "any" is to connect to this machine.
  if (to == kAny4) to = kLoopback4;
  if (to == kAny6) to = kLoopback6;
  if (to == bound) return true;
  if (bound == kAny6) return is_loopback(to);
  return bound == kAny4 && is_v4(to) && is_loopback(to);
}

bool same_host(std::string_view upstream, std::string_view listener) {
  const std::string to = lower_case(upstream);
  const std::string bound = lower_case(listener);
  if (to == bound) return true;
  const auto bound_addresses = addresses_of(bound);
  for (const Address& address : addresses_of(to)) {
    for (const Address& other : bound_addresses) {
      if (reaches(address, other)) return true;
    }
  }
  return false;
}

bool same_path(const std::string& a, const std::string& b) {
  return std::filesystem::path(a).lexically_normal() == std::filesystem::path(b).lexically_normal();
}

bool is_same(const RedisUrl& upstream, const ListenUrl& listener) {
  if (listener.transport == ListenUrl::Transport::unix_socket) {
    return upstream.transport == RedisUrl::Transport::unix_socket &&
           same_path(upstream.path, listener.path);
  }
  return upstream.transport != RedisUrl::Transport::unix_socket && upstream.port == listener.port &&
         same_host(upstream.host, listener.host);
}

}  // namespace

std::optional<std::string> find_self_loop(const RedisUrl& upstream,
                                          std::span<const ListenUrl> listeners) {
  for (const ListenUrl& listener : listeners) {
    if (!is_same(upstream, listener)) continue;
    return "hawser would connect to itself: the upstream " + upstream.redacted() +
           " is its own listener " + listener.text() +
           " (give it the URL of Redis with --upstream or HAWSER_UPSTREAM; a REDIS_URL that "
           "already names hawser is for the application)";
  }
  return std::nullopt;
}

}  // namespace hawser::config
