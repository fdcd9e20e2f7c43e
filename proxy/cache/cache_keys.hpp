#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hawser {

/// The names of what the cache keeps in Redis, in each database that is used. None of it has a time
/// to live but leases: what is to be deleted must not be forgotten before it is.
class CacheKeys {
 public:
  explicit CacheKeys(std::string prefix) : prefix_(std::move(prefix)) {}

  /// ZSET of the keys under a tag, by when they expire (ms since 1970): a hint. What lives for ever
  /// is there by when it was written, from kForEver on: keys written together lie together.
  std::string index(std::string_view tag) const { return prefix_ + "tag:" + std::string(tag); }
  /// ZSET: an index whose keys are being deleted.
  std::string drain(std::string_view tag) const { return prefix_ + "drain:" + std::string(tag); }
  /// HASH: the sequence of each drain, by tag.
  std::string drains() const { return prefix_ + "drains"; }
  /// ZSET: tags with a drain, by when it was last worked on (ms since 1970).
  std::string draining() const { return prefix_ + "draining"; }
  /// ZSET: "t" + tag, and "*" for everything, by the sequence of the last invalidation; "g" + the
  /// generation with score 0.
  std::string invalidated() const { return prefix_ + "invalidated"; }
  /// STRING: generation, "-" and sequence of the newest invalidation of anything.
  std::string last() const { return prefix_ + "last"; }
  /// STRING with a time to live: the nonce of who computes the key's value.
  std::string lease(std::string_view key) const { return prefix_ + "lease:" + std::string(key); }
  /// STRING with a time to live: who looks through the indexes.
  std::string sweeper() const { return prefix_ + "sweeper"; }
  std::string probe() const { return prefix_ + "probe"; }

  bool is_reserved(std::string_view key) const { return key.starts_with(prefix_); }
  /// The tag of an index or of a drain; empty: it is neither.
  std::string_view tag_of(std::string_view key) const {
    if (!is_reserved(key)) return {};
    const std::string_view rest = key.substr(prefix_.size());
    if (rest.starts_with("tag:")) return rest.substr(4);
    return rest.starts_with("drain:") ? rest.substr(6) : std::string_view();
  }
  const std::string& prefix() const { return prefix_; }

 private:
  std::string prefix_;
};

inline constexpr std::int64_t kForEver = 1'000'000'000'000'000;

/// Of invalidations it is remembered for so long that they happened: no lease lives longer.
inline constexpr std::int64_t kLongestLeaseMs = 600'000;
/// Limits of one key's tags.
inline constexpr std::size_t kMostTags = 32;
inline constexpr std::size_t kLongestTag = 256;

}  // namespace hawser
