#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/traffic/context.hpp"

namespace hawser {

/// Keys whose writes were acknowledged and not performed: each has to be deleted in Redis before
/// the circuit closes, else a reader finds there what was overwritten or deleted long ago.
///
/// A key that has no room takes its pattern with it: the pattern is marked to be flushed in that
/// database, all its keys are given up, and further ones are not kept. The circuit may then close;
/// whoever reads under the pattern gets a miss until a flush (SCAN MATCH, DEL) went through from
/// beginning to end without another write dropped under it.
///
/// Owned by whoever answers while the circuit is open; data thread only. In memory only: it ends
/// with the process. Pure: no sockets, no clock.
class DropJournal {
 public:
  /// Keys of one user and database, to be deleted by one command. They stay in the journal, and in
  /// its size, until confirm().
  struct Batch {
    UserId user = kUpstreamUser;
    std::uint32_t database = 0;
    std::vector<std::string> keys;
    std::uint64_t id = 0;
  };

  /// Every key under a pattern is to be deleted.
  struct Flush {
    UserId user = kUpstreamUser;
    std::uint32_t database = 0;
    std::string pattern;
    std::uint64_t last_drop = 0;  ///< Number of the last write dropped under it.
  };

  /// What a key counts besides its own bytes: its node in the journal, as of libstdc++.
  static constexpr std::size_t kKeyOverhead = 96;

  DropJournal(std::size_t max_keys, std::size_t max_bytes)
      : max_keys_(max_keys), max_bytes_(max_bytes) {}

  /// A write of `key` was dropped under `pattern`. Each key is kept once for its user and database;
  /// one that is out in a batch waits again, for the batch may have run already. False if the key
  /// is not kept, because its pattern is to be flushed.
  bool add(UserId user, std::uint32_t database, std::string_view key, std::string_view pattern);

  /// Whether all has been deleted: no key waits, none is out in a batch. Flushes do not count.
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }    ///< Keys, those out in batches included.
  std::size_t bytes() const { return bytes_; }  ///< Of them, overhead included.

  /// Takes up to `most` (1 or more) waiting keys of one user and database; none if no key waits.
  /// Whoever took it gives it to confirm() or to give_back(). A batch must not be on its way while
  /// a later one is: the deletion of a lost one could come after what is written next.
  std::optional<Batch> take_batch(std::size_t most);
  /// It was performed, or can never be. Keys that were added meanwhile stay.
  void confirm(const Batch& batch);
  /// It was not performed, or nobody knows: its keys wait again.
  void give_back(const Batch& batch);

  /// What is to be flushed once the circuit is closed.
  const std::vector<Flush>& flushes() const { return flushes_; }
  /// Whether a read of `key` is to be answered as a miss, whoever reads: what one user's lost
  /// deletion left behind is out of date for all.
  bool is_flushing(std::uint32_t database, std::string_view key) const;
  /// The flush that began with `flush`, a copy from flushes(), went through (or can never be).
  /// False if a write was dropped under the pattern since the copy was made: it has to be done
  /// again.
  bool flush_done(const Flush& flush);

 private:
  struct Entry {
    std::uint32_t pattern = 0;  ///< In patterns_.
    std::uint64_t batch = 0;    ///< The one it is out in.
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;
  struct Place {
    Entries waiting;
    Entries taken;  ///< Out in a batch.
  };
  using PlaceKey = std::pair<UserId, std::uint32_t>;
  using Places = std::map<PlaceKey, Place>;

  Flush* find_flush(UserId user, std::uint32_t database, std::string_view pattern);
  std::uint32_t number_of(std::string_view pattern);
  void give_up(Places::iterator place, std::uint32_t pattern);
  void forget(Entries& entries, Entries::iterator entry);
  void drop_if_empty(Places::iterator place);

  const std::size_t max_keys_;
  const std::size_t max_bytes_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t last_batch_ = 0;
  std::uint64_t last_drop_ = 0;
  Places places_;  ///< None without keys.
  std::vector<Flush> flushes_;
  std::vector<std::string> patterns_;  ///< Every pattern seen: as few as were configured.
};

}  // namespace hawser
