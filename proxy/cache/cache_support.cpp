#include "proxy/cache/cache_support.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "proxy/cache/lua_scripts.hpp"
#include "proxy/cache/redis_refusal.hpp"

namespace hawser {

namespace {

constexpr int kOldestMajor = 5;
/// ARGV channel -> 0: the user may not publish there. Redis tells since 7.0.
constexpr std::string_view kMayPublish =
    "if redis.acl_check_cmd and not redis.acl_check_cmd('PUBLISH', ARGV[1], '') then return 0 end\n"
    "return 1";

int major_of(std::string_view version) {
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

}  // namespace

CacheSupport::CacheSupport(Upstream& upstream, const CacheKeys& keys, CacheStats& stats,
                           bool is_needed)
    : upstream_(upstream),
      keys_(keys),
      stats_(stats),
      is_needed_(is_needed),
      probe_(upstream.scripts().add(lua::kProbe)),
      timer_(upstream.loop(), [this] { on_timer(); }) {
  upstream.add_listener(*this);
}

CacheSupport::Verdict CacheSupport::verdict(UserId user) const {
  const auto found = states_.find(user);
  return found == states_.end() ? Verdict::unknown : found->second.verdict;
}

CacheSupport::Verdict CacheSupport::may_publish(UserId user, TimePoint since) const {
  const auto found = states_.find(user);
  if (found == states_.end() || found->second.may_publish) return Verdict::good;
  return found->second.asked_at >= since ? Verdict::refused : Verdict::unknown;
}

const std::string& CacheSupport::reason(UserId user) const {
  return states_.at(user).reason;
}

bool CacheSupport::hold(Client& client, const Request& request) {
  const TimePoint deadline = request.arrived + upstream_.settings().timeout.total;
  if (deadline <= upstream_.loop().now()) return false;
  client.pause();
  waiters_.push_back({client.context().user, deadline, client.weak_from_this()});
  timer_.set_no_later_than(deadline);
  ask(client.context().user);
  return true;
}

void CacheSupport::note_use() {
  if (is_used_) return;
  is_used_ = true;
  warn_of_eviction();
}

void CacheSupport::on_lane_open(const Context& context) {
  const State& state = states_[context.user];
  const bool is_sure = state.verdict == Verdict::good && state.is_sure;
  if (!is_sure || context.user == kUpstreamUser) ask(context.user);
}

void CacheSupport::doubt(UserId user) {
  State& state = states_[user];
  if (state.verdict != Verdict::good) return;
  state.verdict = Verdict::unknown;
  ask(user);
}

void CacheSupport::ask(UserId user) {
  State& state = states_[user];
  if (state.is_asking) return;
  if (is_too_old()) {
    refuse_old(user);
    return;
  }
  state.is_asking = true;
  state.asking_since = upstream_.loop().now();
  // The first is for the eviction policy, the last for the bus; the others have to be allowed.
  upstream_.control().ask(
      {.user = user,
       .commands = {{"INFO", "memory"},
                    {"MULTI"},
                    {"EXEC"},
                    {"EVAL", lua::kProbe, "1", keys_.probe()},
                    {"EVALSHA", probe_.digest, "1", keys_.probe()},
                    {"SCAN", "0", "COUNT", "1"},
                    {"EVAL", std::string(kMayPublish), "0", upstream_.settings().cache.channel}}},
      upstream_.loop().now() + upstream_.settings().timeout.command,
      [this, user](const ControlAnswer& answer) { on_answer(user, answer); });
}

bool CacheSupport::is_too_old() const {
  return upstream_.knows_server_version() && major_of(upstream_.server_version()) < kOldestMajor;
}

void CacheSupport::refuse_old(UserId user) {
  settle(user, Verdict::refused,
         "they need Redis " + std::to_string(kOldestMajor) + ".0 or newer, this is " +
             std::string(upstream_.server_version()),
         true);
}

void CacheSupport::on_answer(UserId user, const ControlAnswer& answer) {
  State& state = states_[user];
  state.is_asking = false;
  state.asked_at = state.asking_since;  // Without an answer what was known last stands.
  if (is_too_old()) {                   // Which was not known yet.
    refuse_old(user);
    return;
  }
  if (answer.replies.empty()) {
    settle(user, Verdict::good, {}, false);
    return;
  }
  constexpr std::string_view kPolicy = "maxmemory_policy:";
  const std::string& memory = answer.replies.front().text;
  if (const auto at = memory.find(kPolicy); at != std::string::npos) {
    const std::string_view policy = std::string_view(memory).substr(at + kPolicy.size());
    eviction_ = policy.starts_with("allkeys") ? policy.substr(0, policy.find('\r')) : "";
    stats_.evictable.set(eviction_.empty() ? 0 : 1);
    warn_of_eviction();
  }
  const ControlReply& publishes = answer.replies.back();
  state.may_publish = !publishes.is_integer || publishes.number != 0;
  const auto refusal = std::find_if(answer.replies.begin() + 1, answer.replies.end() - 1,
                                    [](const ControlReply& reply) { return reply.is_error; });
  if (refusal == answer.replies.end() - 1) {
    settle(user, Verdict::good, {}, true);
  } else if (refusal_of("-" + refusal->text) != Refusal::final) {
    settle(user, Verdict::good, {}, false);
  } else {
    settle(user, Verdict::refused, refusal->text, true);
  }
}

/// Where nothing is known of a user's rights, they are taken for sufficient until it is: then Redis
/// itself says what is wrong, and nobody waits.
void CacheSupport::settle(UserId user, Verdict verdict, std::string reason, bool is_sure) {
  State& state = states_[user];
  state.verdict = verdict;
  state.is_sure = is_sure;
  if (verdict == Verdict::refused && state.reason != reason) {
    upstream_.log().log(is_needed_ || is_used_ ? LogLevel::warn : LogLevel::info,
                        "cache commands and rules are not available",
                        {{"user", upstream_.users().credentials(user).user}, {"reason", reason}});
  }
  if (is_sure) state.reason = std::move(reason);
  if (is_sure && verdict == Verdict::good) {
    state.pause = kPause;
    if (user == kUpstreamUser && on_available_) on_available_();
  } else {
    state.ask_again = upstream_.loop().now() + state.pause;
    state.pause = std::min(state.pause * 2, kLongestPause);
    if (is_needed_ || is_used_) timer_.set_no_later_than(state.ask_again);
  }
  release([user](const Waiter& waiter) { return waiter.user == user; });
}

/// Those for whom `is_over` go on.
void CacheSupport::release(const std::function<bool(const Waiter&)>& is_over) {
  std::vector<std::shared_ptr<Client>> clients;
  std::erase_if(waiters_, [&](const Waiter& waiter) {
    if (!is_over(waiter)) return false;
    if (auto client = waiter.client.lock()) clients.push_back(std::move(client));
    return true;
  });
  for (const auto& client : clients) client->resume();
}

/// Lets those go whose time is over, and asks again where the answer may have become another.
void CacheSupport::on_timer() {
  const TimePoint now = upstream_.loop().now();
  release([now](const Waiter& waiter) { return waiter.deadline <= now; });
  for (const Waiter& waiter : waiters_) timer_.set_no_later_than(waiter.deadline);
  std::vector<UserId> due;
  for (auto& [user, state] : states_) {
    const bool is_settled = state.verdict == Verdict::good && state.is_sure;
    if (state.is_asking || is_settled || state.ask_again == TimePoint{}) continue;
    if (state.ask_again <= now) {
      due.push_back(user);
    } else {
      timer_.set_no_later_than(state.ask_again);
    }
  }
  for (const UserId user : due) ask(user);
}

void CacheSupport::warn_of_eviction() {
  if (eviction_.empty() || is_warned_ || !(is_used_ || is_needed_)) return;
  is_warned_ = true;
  upstream_.log().warn(
      "Redis may evict the indexes of tags before their keys, which are then not invalidated: use "
      "noeviction or a volatile policy",
      {{"maxmemory_policy", eviction_}});
}

}  // namespace hawser
