#include "config/url_parts.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace hawser::config::url {
namespace {

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

UrlError error(std::string message) {
  return UrlError{std::move(message)};
}

/// Since C++20 a UrlError is constructible from a string too: which is meant has to be said.
UrlResult<std::string> string_result(std::string value) {
  return UrlResult<std::string>(boost::system::in_place_value, std::move(value));
}

std::optional<UrlError> check_characters(std::string_view text, std::string_view what) {
  if (text.empty()) return error("the " + std::string(what) + " is empty");
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      return error("the " + std::string(what) + " contains white space at character " +
                   std::to_string(i + 1) + " (write %20 where it belongs to a name or password)");
    }
    if (c < 0x20 || c == 0x7f) {
      return error("the " + std::string(what) + " contains a control character at character " +
                   std::to_string(i + 1));
    }
  }
  return std::nullopt;
}

UrlError no_scheme(std::string_view text, std::string_view what, std::string_view example) {
  std::string message = "the " + std::string(what) + " has no scheme";
  if (text.front() == '/') return error(message + " (for a Unix socket write unix:///path)");
  return error(message + " (write it like " + std::string(example) + ")");
}

bool is_ipv6(std::string_view host) {
  const std::string address(host.substr(0, host.find('%')));
  in6_addr parsed{};
  return inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
}

UrlResult<std::string> parse_host(std::string_view raw, std::string_view example) {
  if (raw.empty()) return error("no host (write it like " + std::string(example) + ")");
  auto host = decode(raw);
  if (!host) return error("a '%' in the host is not followed by two hexadecimal digits");
  if (host->find(',') != std::string::npos) {
    return error("several hosts (this kind of URL names one server)");
  }
  const auto allowed = [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  };
  if (!std::all_of(host->begin(), host->end(), allowed)) {
    return error("the host has characters that no host name has");
  }
  return string_result(std::move(*host));
}

}  // namespace

UrlResult<Parts> split(std::string_view text, std::string_view what, std::string_view example) {
  if (const auto problem = check_characters(text, what)) return *problem;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return no_scheme(text, what, example);

  Parts parts;
  parts.scheme = text.substr(0, colon);
  for (char& c : parts.scheme) {
    if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') {
      return no_scheme(text, what, example);
    }
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (parts.scheme.empty()) return no_scheme(text, what, example);

  std::string_view rest = text.substr(colon + 3);
  const auto authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  const auto authority = rest.substr(0, authority_end);
  rest.remove_prefix(authority_end);
  // A password with an unencoded delimiter would otherwise be taken for host, port and path.
  const bool looks_cut = !authority.empty() && authority.find('@') == std::string_view::npos &&
                         rest.find('@') != std::string_view::npos;
  if (looks_cut || rest.starts_with('#')) {
    return error(
        "'/', '?' or '#' in a user name or password must be percent-encoded (%2F, %3F, %23)");
  }
  if (rest.find('#') != std::string_view::npos) {
    return error("a '#' is not part of a " + std::string(what) + " (write %23 in a name)");
  }
  const auto at = authority.rfind('@');
  parts.has_user_info = at != std::string_view::npos;
  if (parts.has_user_info) parts.user_info = authority.substr(0, at);
  parts.host_port = parts.has_user_info ? authority.substr(at + 1) : authority;

  const auto question = rest.find('?');
  parts.path = rest.substr(0, question);
  parts.has_query = question != std::string_view::npos;
  if (parts.has_query) parts.query = rest.substr(question + 1);
  return parts;
}

UrlResult<HostPort> parse_host_port(std::string_view text, std::string_view example) {
  HostPort result;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return error("the '[' before the host has no ']'");
    auto host = decode(text.substr(1, close - 1));
    if (!host || !is_ipv6(*host)) return error("the host in brackets is not an IPv6 address");
    result.host = std::move(*host);
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return error("only a port may follow the ']'");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = text.rfind(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    const auto raw = text.substr(0, colon);
    if (raw.find(':') != std::string_view::npos) {
      return error("several ':' in the host (an IPv6 address is written in brackets: [::1])");
    }
    auto host = parse_host(raw, example);
    if (!host) return host.error();
    result.host = std::move(*host);
  }
  if (!has_port) return result;
  const auto number = parse_number(port, 65535);
  if (!number) return error("bad port (want a number from 0 to 65535)");
  result.port = static_cast<std::uint16_t>(*number);
  return result;
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string encode(std::string_view text, std::string_view keep) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c) || keep.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

UrlResult<std::string> parse_socket_path(const Parts& parts, std::string_view example) {
  if (!parts.host_port.empty()) {
    return error("a Unix socket wants an absolute path after '//' (write it like " +
                 std::string(example) + ")");
  }
  if (parts.path.size() < 2) {
    return error("no path of a Unix socket (write it like " + std::string(example) + ")");
  }
  auto path = decode(parts.path);
  if (!path) return error("a '%' in the path is not followed by two hexadecimal digits");
  if (path->find('\0') != std::string::npos) return error("the path contains a zero byte");
  if (path->back() == '/') return error("the path names a directory, not a Unix socket");
  if (path->size() > kMaxSocketPath) {
    return error("the path of the Unix socket is too long (got " + std::to_string(path->size()) +
                 " bytes, want at most " + std::to_string(kMaxSocketPath) + ")");
  }
  return string_result(std::move(*path));
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

std::string join_host_port(std::string_view host, std::uint16_t port) {
  const bool bracket = host.find(':') != std::string_view::npos;
  const std::string name = bracket ? "[" + encode(host, ":") + "]" : std::string(host);
  return name + ":" + std::to_string(port);
}

}  // namespace hawser::config::url
