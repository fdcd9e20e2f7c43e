#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/traffic/handler.hpp"
#include "proxy/upstream/upstream.hpp"

namespace hawser {

/// INFO: asked upstream, and the answer remembered per user; while the upstream is away the last
/// one is served (commands.info_when_down), since client libraries will not start without it.
class InfoHandler final : public Handler {
 public:
  explicit InfoHandler(Upstream& upstream) : upstream_(upstream) {}
  Taken handle(Client& client, Request& request) override;

 private:
  class Tap;
  struct Copy {
    std::string text;
    TimePoint taken;
  };
  using Key = std::pair<UserId, std::string>;  ///< User and the sections asked for.

  void remember(const Key& key, std::string_view reply);
  /// The last copy as a reply, or an empty string.
  std::string last_copy(const Key& key, RespVersion resp) const;

  static constexpr std::size_t kMostCopies = 64;
  static constexpr std::size_t kLargestCopy = std::size_t{256} << 10;

  Upstream& upstream_;
  std::map<Key, Copy> copies_;
};

}  // namespace hawser
