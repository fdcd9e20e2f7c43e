#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/redis_url.hpp"

/// The steps that Redis and listener URLs share. No message made here repeats text that could be
/// part of a password: of a mistyped URL nobody knows which part that is.
namespace hawser::config::url {

/// Longest path of a Unix socket in bytes (sun_path without its final zero, Linux unix(7)).
inline constexpr std::size_t kMaxSocketPath = 107;

/// A URL cut at its delimiters, nothing decoded. Views into the text.
struct Parts {
  std::string scheme;          ///< In lower case.
  std::string_view user_info;  ///< Before the last '@' of the authority.
  bool has_user_info = false;
  std::string_view host_port;
  std::string_view path;  ///< With its leading '/', or empty.
  std::string_view query;
  bool has_query = false;
};

/// `what` names the URL in messages ("Redis URL"), `example` is shown where one helps.
UrlResult<Parts> split(std::string_view text, std::string_view what, std::string_view example);

struct HostPort {
  std::string host;  ///< Decoded, without brackets.
  std::optional<std::uint16_t> port;
};

UrlResult<HostPort> parse_host_port(std::string_view text, std::string_view example);

/// Percent-decoded; nothing if an escape is broken.
std::optional<std::string> decode(std::string_view text);

/// With everything but unreserved characters and those of `keep` percent-encoded.
std::string encode(std::string_view text, std::string_view keep = {});

/// The decoded, absolute path of a Unix socket.
UrlResult<std::string> parse_socket_path(const Parts& parts, std::string_view example);

/// A number of digits only, without sign, at most `max`.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);

/// "[::1]:80" or "host:80".
std::string join_host_port(std::string_view host, std::uint16_t port);

}  // namespace hawser::config::url
