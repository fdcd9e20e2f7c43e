#include "proxy/transactions/redirection.hpp"

#include <charconv>
#include <vector>

#include "proxy/traffic/words.hpp"

namespace hawser {

namespace {

/// Where the id stands among the arguments; nothing: nowhere.
std::optional<std::size_t> place_of(const Request& request) {
  if (request.command == nullptr || request.command->name != "client|tracking") return std::nullopt;
  for (std::size_t i = 3; i + 1 < request.argc(); ++i) {
    if (is_word(request.arg(i), "redirect")) return i + 1;
  }
  return std::nullopt;
}

/// Whether a reply's integer is the id of a client: 0 and -1 stand for none.
bool is_id(std::string_view integer) {
  return integer.starts_with(':') && !integer.starts_with(":-") && !integer.starts_with(":0");
}

}  // namespace

std::optional<std::int64_t> redirection_of(const Request& request) {
  const auto place = place_of(request);
  if (!place) return std::nullopt;
  return to_integer(request.arg(*place));  // What is none Redis has the words for.
}

std::string redirect_to(const Request& request, std::uint64_t upstream_id) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < request.argc(); ++i) words.push_back(request.arg(i));
  const std::string number = std::to_string(upstream_id);
  if (const auto place = place_of(request)) words[*place] = number;
  std::string bytes;
  protocol::append_command(bytes, words);
  return bytes;
}

std::string name_redirection(std::string_view command, std::string_view reply, std::int64_t id) {
  constexpr std::string_view kField = "redirect\r\n";
  std::size_t number = 0;
  if (command == "client|trackinginfo") {
    const std::size_t field = reply.find(kField);
    if (field == std::string_view::npos) return std::string(reply);
    number = field + kField.size();
  }
  if (command == "client|tracking" || !is_id(reply.substr(number))) return std::string(reply);
  std::string out(reply.substr(0, number));
  out += ":" + std::to_string(id) + "\r\n";
  return out += reply.substr(reply.find('\n', number) + 1);
}

}  // namespace hawser
