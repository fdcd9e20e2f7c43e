#pragma once

#include <string>

/// What hawser has Redis do in one step, in Lua. Each is atomic and short: at most one batch of
/// keys. Keys and their meaning: cache_keys.hpp. Needs Redis 5.0 or newer.
namespace hawser::lua {

/// Stores a value and its memberships, or nothing.
/// KEYS key, index ...; ARGV value, px or "", score, prune
/// `prune`: "", or the time in ms up to which dead members are looked for. -> as SET
extern const std::string kSet;

/// The same under a lease: nil and nothing stored if the lease, or what it stands for, is gone;
/// in both cases it is not held any more.
/// KEYS key, lease, invalidated, last, index ...;
/// ARGV value, px or "", score, prune, nonce, generation, sequence, "t"+tag ...
extern const std::string kSetLeased;
/// With `prune` given. The first is without it: what is not defined costs nothing.
extern const std::string kSetLeasedPruning;

/// A plain write of a client, and the memberships of what it writes. An index that Redis refuses
/// leaves the write alone.
/// KEYS as told by the command; ARGV quiet, now in ms, n, the command's n words, then for each
/// index the number of words that follow, its name, and (score, key) for each key. -> the command's
/// reply; if an index was refused and `quiet` is "": [reply, error]
extern const std::string kWrite;
/// The same, and a few dead members of up to four of the indexes are removed.
extern const std::string kWritePruning;

/// KEYS key, lease, invalidated, last; ARGV stale ms or "", lease ms or "", nonce, new generation
/// -> [value, state, token but for the server], or 0: a miss of which somebody else has the lease.
extern const std::string kGet;

/// KEYS key, index ... -> number of memberships added; 0 if the key does not exist.
/// ARGV now in ms
extern const std::string kTag;

/// KEYS key, index ... -> number of memberships removed.
extern const std::string kUntag;

/// Begins an invalidation: notes it against leases, deletes what is small at once, and sets the
/// rest apart.
/// KEYS invalidated, drains, draining, last, then index and drain for each tag;
/// ARGV most keys to delete, horizon in us, new generation, tag ...
/// -> [sequence, keys deleted, keys set apart, error, number of a tag (from 1) that is left ...]
/// `error`: "", or what Redis said to a tag, with which this ended: those behind it are not noted.
extern const std::string kInvalidate;

/// Deletes one batch of what was set apart under a tag.
/// KEYS drains, draining, index, drain, invalidated; ARGV tag, batch, rename
/// `rename` "1": if nothing is set apart any more, the index is. -> [sequence of what was set apart
/// (0: nothing was), keys deleted, members left]
extern const std::string kDrain;

/// Notes an invalidation of everything against leases.
/// KEYS invalidated, last; ARGV horizon in us, new generation -> sequence
extern const std::string kVoidLeases;

/// Deletes keys, and the leases on them. KEYS key, lease, key, lease ... -> number of keys deleted
extern const std::string kDelete;

/// Tags whose invalidation was left half done. KEYS draining; ARGV quiet time in ms, most
extern const std::string kUnfinished;

/// Removes from an index what does not exist any more.
/// KEYS index; ARGV cursor, count -> [next cursor, members removed]
extern const std::string kSweep;

/// Tries everything the others need, on a key of its own. KEYS one key -> "OK", or an error
extern const std::string kProbe;

/// Deletes a string if its value is the one given. KEYS key; ARGV value -> number of keys deleted
extern const std::string kRelease;

/// kSetLeasedPruning for a connection of which hawser does not know where it leads: nil also if
/// that is another run of the server. One argument more: "r" and the server's number, 16 hex
/// digits.
extern const std::string kSetLeasedApart;

}  // namespace hawser::lua
