#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/traffic/slot_handle.hpp"

namespace hawser {

/// CACHE.SET without a lease: MULTI, a ZADD for each tag, SET, EXEC, as one block; that is dearer
/// for hawser than a script and cheaper for Redis, which there is only one of.
struct TaggedSet {
  std::string_view key;
  std::string_view value;
  std::string_view life_ms;  ///< Empty: for ever.
  std::string_view score;
  const std::vector<std::string>& indexes;

  /// How many requests the block has.
  std::size_t requests() const { return indexes.size() + 3; }
  std::string bytes() const;
};

/// Takes the replies to the requests of such a block, by their places, and answers CACHE.SET with
/// the one that counts.
class TaggedSetSink final : public ReplySink {
 public:
  /// How it ended, told before the client is.
  enum class End : std::uint8_t {
    stored,
    refused,    ///< Nothing was done.
    unindexed,  ///< Stored, but an index was refused: the value must go again.
  };
  using Told = std::function<void(End end)>;

  TaggedSetSink(std::size_t tags, SlotHandle slot, Told told)
      : tags_(tags), slot_(std::move(slot)), told_(std::move(told)) {}

  void on_reply(std::uint32_t place, Reply reply) override;
  void on_failure(std::uint32_t place, Failure failure, std::int64_t number) override;
  void on_expiry(std::uint32_t place, Failure failure, std::int64_t number) override;
  const ReplySink* origin() const override { return slot_.origin(); }

 private:
  void finish(End end, std::string_view reply);

  const std::size_t tags_;
  SlotHandle slot_;
  const Told told_;
  std::string error_;  ///< The first, in the order of the block.
};

}  // namespace hawser
