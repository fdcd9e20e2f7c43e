#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/traffic/request.hpp"

namespace hawser {

/// A request as the dispatcher hands it on.
struct Built {
  Built(std::initializer_list<std::string_view> words)
      : Built(std::vector<std::string_view>(words)) {}
  explicit Built(const std::vector<std::string_view>& words) {
    for (const std::string_view word : words) {
      spans.push_back({bytes.size(), word.size()});
      bytes += word;
    }
    protocol::append_command(raw, words);
    request.raw = raw;
    request.base = bytes.data();
    request.args = spans;
    request.command = protocol::find_command(request.arg(0));
    if (request.command != nullptr && protocol::has_subcommands(*request.command) &&
        request.argc() > 1) {
      request.command = protocol::find_subcommand(*request.command, request.arg(1));
    }
  }
  std::string raw;
  std::string bytes;
  std::vector<protocol::ArgSpan> spans;
  Request request;
};

}  // namespace hawser
