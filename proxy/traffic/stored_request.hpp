#pragma once

#include <string>
#include <vector>

#include "proxy/traffic/request.hpp"

namespace hawser {

/// A request kept beyond its handling.
class StoredRequest {
 public:
  explicit StoredRequest(const Request& request)
      : command_(request.command), arrived_(request.arrived) {
    std::string scratch;
    bytes_ = request.wire(scratch);
    std::size_t offset = 0;
    for (std::size_t i = 0; i < request.argc(); ++i) {
      const std::string_view arg = request.arg(i);
      args_ += arg;
      spans_.push_back({offset, arg.size()});
      offset += arg.size();
    }
  }

  /// A view of it; valid as long as this object.
  Request view() const {
    return {.raw = bytes_,
            .base = args_.data(),
            .args = spans_,
            .canonical = true,
            .command = command_,
            .arrived = arrived_,
            .following = {}};
  }
  std::string_view name() const { return command_ != nullptr ? command_->name : ""; }

 private:
  std::string bytes_;
  std::string args_;
  std::vector<protocol::ArgSpan> spans_;
  const protocol::Command* command_;
  TimePoint arrived_;
};

}  // namespace hawser
