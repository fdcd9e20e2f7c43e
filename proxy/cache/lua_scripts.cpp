#include "proxy/cache/lua_scripts.hpp"

#include <string_view>

namespace hawser::lua {

namespace {

/// Defines prune(index, now, keep), which looks at members whose time seems to be over. Their score
/// is only a hint (EXPIRE and PERSIST change a life): whether they exist decides. A few at a time.
/// In a part of its own, so that defining it costs only where it is used.
constexpr std::string_view kPrune = R"lua(
local function prune(index, now, keep)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, 32)) do
    local ttl = redis.pcall('PTTL', member)
    if ttl == -2 then
      if member ~= keep then redis.call('ZREM', index, member) end
    elseif ttl == -1 then
      redis.call('ZADD', index, string.format('%.0f', 1e15 + now), member)
    elseif type(ttl) == 'number' then
      redis.call('ZADD', index, string.format('%.0f', now + ttl + 1), member)
    end
  end
end
)lua";

/// Defines next_sequence(invalidated, last, horizon, generation): one above all before it, and not
/// below Redis' clock in us, so that what is older than any lease can be forgotten.
constexpr std::string_view kSequence = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function next_sequence(invalidated, last, horizon, generation)
  -- Once a script has written something that takes no memory, Redis refuses it no more for want of
  -- it: what frees memory must not be refused for that.
  redis.pcall('UNLINK', last .. ':none')
  local sequence = now
  local newest = redis.call('ZREVRANGE', invalidated, 0, 0, 'WITHSCORES')
  if newest[2] and tonumber(newest[2]) >= sequence then sequence = tonumber(newest[2]) + 1 end
  local old = redis.call('ZRANGEBYSCORE', invalidated, '(0', string.format('%.0f', now - horizon), 'LIMIT', 0, 500)
  if #old > 0 then redis.call('ZREM', invalidated, unpack(old)) end
  local first = redis.call('ZRANGE', invalidated, 0, 0)[1]
  if not first or string.sub(first, 1, 1) ~= 'g' then
    first = 'g' .. generation
    redis.call('ZADD', invalidated, 0, first)
  end
  sequence = string.format('%.0f', sequence)
  redis.call('SET', last, string.sub(first, 2) .. '-' .. sequence)
  return sequence
end
)lua";

/// The first half of a write under a lease: nothing if that is not held any more, or stale; else
/// the memberships.
constexpr std::string_view kSetIndexed = R"lua(
local known = redis.call('MGET', KEYS[2], KEYS[4])
if known[1] ~= ARGV[5] then return false end
if known[2] ~= ARGV[6] .. '-' .. ARGV[7] then
  -- Something was invalidated meanwhile: was it one of these?
  local stale = not redis.call('ZSCORE', KEYS[3], 'g' .. ARGV[6])
  local sequence = tonumber(ARGV[7])
  local everything = redis.call('ZSCORE', KEYS[3], '*')
  if everything and tonumber(everything) > sequence then stale = true end
  for i = 8, #ARGV do
    local newest = redis.call('ZSCORE', KEYS[3], ARGV[i])
    if newest and tonumber(newest) > sequence then stale = true end
  end
  if stale then
    redis.call('UNLINK', KEYS[2])
    return false
  end
end
for i = 5, #KEYS do
  local added = redis.pcall('ZADD', KEYS[i], ARGV[3], KEYS[1])
  if type(added) == 'table' then return added end
end
)lua";

/// The second half: the value, with which the lease ends.
constexpr std::string_view kStoreLeased = R"lua(
local stored
if ARGV[2] == '' then
  stored = redis.pcall('SET', KEYS[1], ARGV[1])
else
  stored = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
if not stored.err then redis.call('UNLINK', KEYS[2]) end
return stored
)lua";

/// The first half of a write that has tags by a rule: the write itself, of so many words.
constexpr std::string_view kWritten = R"lua(
local words = tonumber(ARGV[3])
local reply
if words > 6000 then
  -- Only MSET has so many; Lua hands on some thousands at a time.
  for at = 5, 3 + words, 6000 do
    reply = redis.pcall(ARGV[4], unpack(ARGV, at, math.min(at + 5999, 3 + words)))
    if reply.err then return reply end
  end
else
  reply = redis.pcall(unpack(ARGV, 4, 3 + words))
  if type(reply) == 'table' and reply.err then return reply end
end
)lua";

std::string operator+(std::string_view a, std::string_view b) {
  return std::string(a).append(b);
}

}  // namespace

// Errors of redis.pcall are given back as they are, so that they read as without a script. What
// can be refused comes before the first write that matters.

const std::string kSet = kPrune + R"lua(
for i = 2, #KEYS do
  local added = redis.pcall('ZADD', KEYS[i], ARGV[3], KEYS[1])
  if type(added) == 'table' then return added end
end
if ARGV[4] ~= '' then
  for i = 2, #KEYS do prune(KEYS[i], ARGV[4], KEYS[1]) end
end
if ARGV[2] == '' then return redis.pcall('SET', KEYS[1], ARGV[1]) end
return redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
)lua";

const std::string kSetLeased = kSetIndexed + kStoreLeased;

const std::string kSetLeasedPruning = kPrune + kSetIndexed + R"lua(
if ARGV[4] ~= '' then
  for i = 5, #KEYS do prune(KEYS[i], ARGV[4], KEYS[1]) end
end
)lua" + kStoreLeased;

const std::string kWrite = kWritten + R"lua(
local refused
local at = 4 + words
while at < #ARGV do
  local added = redis.pcall('ZADD', unpack(ARGV, at + 1, at + ARGV[at]))
  if type(added) == 'table' then refused = added.err end
  at = at + 1 + ARGV[at]
end
if refused and ARGV[1] == '' then return {reply, refused} end
return reply
)lua";

const std::string kWritePruning = kPrune + kWritten + R"lua(
local refused
local pruned = 0
local at = 4 + words
while at < #ARGV do
  local added = redis.pcall('ZADD', unpack(ARGV, at + 1, at + ARGV[at]))
  if type(added) == 'table' then
    refused = added.err
  elseif pruned < 4 then
    prune(ARGV[at + 1], ARGV[2])
    pruned = pruned + 1
  end
  at = at + 1 + ARGV[at]
end
if refused and ARGV[1] == '' then return {reply, refused} end
return reply
)lua";

const std::string kGet = R"lua(
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then return value end
local state = 'miss'
if value then
  state = 'fresh'
  if ARGV[1] ~= '' then
    local ttl = redis.call('PTTL', KEYS[1])
    if ttl >= 0 and ttl <= tonumber(ARGV[1]) then state = 'stale' end
  end
end
if state == 'fresh' or ARGV[2] == '' then return {value, state, false} end
local granted = redis.pcall('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[2])
if not granted then
  if value then return {value, state, false} end
  return 0
end
if granted.err then
  -- A full server grants nothing, but what it has can be read.
  local word = string.match(granted.err, '^-?(%u+)')
  local is_full = word == 'OOM' or word == 'MISCONF' or word == 'NOREPLICAS'
  if value or is_full then return {value, state, false} end
  return granted
end
local last = redis.call('GET', KEYS[4])
if not last then
  local first = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
  if not first or string.sub(first, 1, 1) ~= 'g' then
    first = 'g' .. ARGV[4]
    redis.call('ZADD', KEYS[3], 0, first)
  end
  local newest = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  last = string.sub(first, 2) .. '-' .. newest[2]
  redis.call('SET', KEYS[4], last)
end
return {value, state, last .. '-' .. ARGV[3]}
)lua";

const std::string kTag = R"lua(
local ttl = redis.pcall('PTTL', KEYS[1])
if type(ttl) == 'table' then return ttl end
if ttl == -2 then return 0 end
local score = string.format('%.0f', 1e15 + ARGV[1])
if ttl >= 0 then score = string.format('%.0f', ARGV[1] + ttl + 1) end
local changed = 0
for i = 2, #KEYS do
  local added = redis.pcall('ZADD', KEYS[i], score, KEYS[1])
  if type(added) == 'table' then return added end
  changed = changed + added
end
return changed
)lua";

const std::string kUntag = R"lua(
local changed = 0
for i = 2, #KEYS do
  local removed = redis.pcall('ZREM', KEYS[i], KEYS[1])
  if type(removed) == 'table' then return removed end
  changed = changed + removed
end
return changed
)lua";

const std::string kInvalidate = kSequence + R"lua(
local sequence = next_sequence(KEYS[1], KEYS[4], ARGV[2], ARGV[3])
local most = math.max(0, ARGV[1] - (#ARGV - 3))
local deleted = 0
local apart = 0
local refusal = ''
local left = {}
for i = 4, #ARGV do
  local index = KEYS[2 * i - 3]
  local drain = KEYS[2 * i - 2]
  redis.call('ZADD', KEYS[1], sequence, 't' .. ARGV[i])
  local members = redis.pcall('ZCARD', index)
  local waiting = redis.pcall('ZCARD', drain)
  local count = 0
  if type(members) == 'table' then
    count = members
  elseif type(waiting) == 'table' then
    count = waiting
  elseif waiting > 0 then
    apart = apart + members + waiting
    left[#left + 1] = i - 3
  elseif members > most then
    -- Whoever may not delete these keys shall not have it done by who finishes it.
    count = redis.pcall('UNLINK', redis.call('ZRANGE', index, 0, 0)[1])
    if type(count) == 'number' then
      apart = apart + members - count
      redis.call('RENAME', index, drain)
      redis.call('HSET', KEYS[2], ARGV[i], sequence)
      redis.call('ZADD', KEYS[3], string.format('%.0f', now / 1000), ARGV[i])
      left[#left + 1] = i - 3
    end
  elseif members > 0 then
    count = redis.pcall('UNLINK', unpack(redis.call('ZRANGE', index, 0, -1)))
    if type(count) == 'number' then
      redis.call('UNLINK', index)
      most = most - members
    end
  end
  if type(count) == 'table' then
    refusal = count.err
    break
  end
  deleted = deleted + count
end
return {sequence, deleted, apart, refusal, unpack(left)}
)lua";

const std::string kDrain = R"lua(
if redis.call('EXISTS', KEYS[4]) == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  if ARGV[3] ~= '1' or redis.call('EXISTS', KEYS[3]) == 0 then return {'0', 0, 0} end
  local time = redis.call('TIME')
  local sequence = time[1] * 1000000 + time[2]
  local last = redis.call('ZREVRANGE', KEYS[5], 0, 0, 'WITHSCORES')
  if last[2] and tonumber(last[2]) > sequence then sequence = tonumber(last[2]) end
  sequence = string.format('%.0f', sequence)
  redis.call('RENAME', KEYS[3], KEYS[4])
  redis.call('HSET', KEYS[1], ARGV[1], sequence)
  -- Whatever begins from now on is above it, also where the clock was set back.
  redis.call('ZADD', KEYS[5], sequence, 'd')
end
local members = redis.call('ZRANGE', KEYS[4], 0, ARGV[2] - 1)
local count = redis.pcall('UNLINK', unpack(members))
if type(count) == 'table' then return count end
redis.call('ZREMRANGEBYRANK', KEYS[4], 0, #members - 1)
local sequence = redis.call('HGET', KEYS[1], ARGV[1]) or '1'
local left = redis.call('ZCARD', KEYS[4])
if left == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[2], string.format('%.0f', time[1] * 1000 + time[2] / 1000), ARGV[1])
end
return {sequence, count, left}
)lua";

const std::string kVoidLeases = kSequence + R"lua(
local sequence = next_sequence(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1], sequence, '*')
return sequence
)lua";

const std::string kDelete = R"lua(
local keys = {}
local leases = {}
for i = 1, #KEYS, 2 do
  keys[#keys + 1] = KEYS[i]
  leases[#leases + 1] = KEYS[i + 1]
end
local count = redis.pcall('UNLINK', unpack(keys))
if type(count) == 'number' then redis.call('UNLINK', unpack(leases)) end
return count
)lua";

const std::string kUnfinished = R"lua(
local time = redis.call('TIME')
local quiet_since = time[1] * 1000 + time[2] / 1000 - ARGV[1]
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', quiet_since), 'LIMIT', 0, ARGV[2])
)lua";

const std::string kSweep = R"lua(
local step = redis.call('ZSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local dead = {}
for i = 1, #step[2], 2 do
  if redis.pcall('EXISTS', step[2][i]) == 0 then dead[#dead + 1] = step[2][i] end
end
for i = 1, #dead do redis.call('ZREM', KEYS[1], dead[i]) end
return {step[1], #dead}
)lua";

const std::string kProbe = R"lua(
redis.call('UNLINK', KEYS[1])
redis.call('ZADD', KEYS[1], 0, 'g')
redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', 0, 'LIMIT', 0, 1)
redis.call('ZRANGE', KEYS[1], 0, 0)
redis.call('ZREMRANGEBYRANK', KEYS[1], 1, 1)
redis.call('ZSCORE', KEYS[1], 'g')
redis.call('ZCARD', KEYS[1])
redis.call('ZSCAN', KEYS[1], 0, 'COUNT', 1)
redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('RENAME', KEYS[1], KEYS[1])
redis.call('ZREM', KEYS[1], 'g')
redis.call('EXISTS', KEYS[1])
redis.call('HSET', KEYS[1], 'f', 'v')
redis.call('HGET', KEYS[1], 'f')
redis.call('HDEL', KEYS[1], 'f')
redis.call('SET', KEYS[1], '', 'PX', 1)
redis.call('GET', KEYS[1])
redis.call('MGET', KEYS[1])
redis.call('PTTL', KEYS[1])
redis.call('UNLINK', KEYS[1])
redis.call('TIME')
return redis.status_reply('OK')
)lua";

const std::string kRelease = R"lua(
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
)lua";

// The argument more stands among the tags, where it names one that never was.
const std::string kSetLeasedApart = R"lua(
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
if 'r' .. string.sub(run, 1, 16) ~= ARGV[#ARGV] then return false end
)lua" + kSetLeasedPruning;

}  // namespace hawser::lua
