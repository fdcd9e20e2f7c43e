#pragma once

#include <optional>
#include <string>

#include "proxy/traffic/slot_handle.hpp"

namespace hawser {

/// In a client's place: what it was answered.
struct RecordingSink final : ReplySink {
  void on_reply(std::uint32_t, Reply reply) override { got = reply.bytes; }
  void on_failure(std::uint32_t, Failure failure, std::int64_t) override { failed = failure; }
  void on_settled() override { settled = true; }
  std::string got;
  std::optional<Failure> failed;
  bool settled = false;
};

}  // namespace hawser
