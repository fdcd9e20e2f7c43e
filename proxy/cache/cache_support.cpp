#include "proxy/cache/cache_support.hpp"

#include <charconv>
#include <utility>
#include <vector>

#include "protocol/reply_framer.hpp"
#include "proxy/cache/lua_scripts.hpp"

namespace hawser {

namespace {

constexpr int kOldestMajor = 5;
/// Before asking again a server that could not answer.
constexpr Duration kPause = std::chrono::milliseconds(500);

int major_of(std::string_view version) {
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

/// An error that says something about the server's state, and not about rights.
bool is_passing(std::string_view error) {
  const std::string_view word = error.substr(0, error.find(' '));
  return word == "OOM" || word == "MISCONF" || word == "NOREPLICAS";
}

}  // namespace

CacheSupport::CacheSupport(Upstream& upstream, const CacheKeys& keys, CacheStats& stats,
                           bool is_needed)
    : upstream_(upstream),
      keys_(keys),
      stats_(stats),
      is_needed_(is_needed),
      timer_(upstream.loop(), [this] { on_timer(); }) {
  upstream.add_listener(*this);
}

CacheSupport::Verdict CacheSupport::verdict(UserId user) const {
  const auto found = states_.find(user);
  return found == states_.end() ? Verdict::unknown : found->second.verdict;
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
  // A server that was started anew may have other rights, too.
  for (auto& [user, state] : states_) {
    if (state.verdict == Verdict::refused) state.verdict = Verdict::unknown;
  }
  version_ = upstream_.server_version();
  if (verdict(context.user) != Verdict::good || is_too_old()) {
    ask(context.user);
  } else if (context.user == kUpstreamUser && on_available_) {
    on_available_();
  }
}

void CacheSupport::ask(UserId user) {
  State& state = states_[user];
  if (state.is_asking) return;
  if (is_too_old()) {
    refuse_old(user);
    return;
  }
  state.is_asking = true;
  upstream_.control().ask({.user = user,
                           .commands = {{"INFO", "memory"},
                                        {"MULTI"},
                                        {"EXEC"},
                                        {"EVAL", lua::kProbe, "1", keys_.probe()}}},
                          upstream_.loop().now() + upstream_.settings().timeout.command,
                          [this, user](const ControlAnswer& answer) { on_answer(user, answer); });
}

bool CacheSupport::is_too_old() const {
  return upstream_.knows_server_version() && major_of(upstream_.server_version()) < kOldestMajor;
}

void CacheSupport::refuse_old(UserId user) {
  settle(user, Verdict::refused,
         "they need Redis " + std::to_string(kOldestMajor) + ".0 or newer, this is " +
             std::string(upstream_.server_version()));
}

void CacheSupport::on_answer(UserId user, const ControlAnswer& answer) {
  states_[user].is_asking = false;
  if (is_too_old()) {  // Which was not known yet.
    refuse_old(user);
    return;
  }
  const bool is_later = answer.kind == ControlAnswer::Kind::error &&
                        find_rejection(answer.text.substr(0, answer.text.find(' '))) != nullptr;
  if (answer.kind == ControlAnswer::Kind::unreachable || is_later) {
    // A login that is refused shows in the same way; the lanes tell of that.
    if (!waiters_.empty() || user == kUpstreamUser) {
      timer_.set_no_later_than(upstream_.loop().now() + kPause);
    }
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
  const ControlReply& multi = answer.replies[1];
  const ControlReply& exec = answer.replies[2];
  if (multi.is_error || exec.is_error) {
    settle(user, Verdict::refused, multi.is_error ? multi.text : exec.text);
  } else if (answer.kind == ControlAnswer::Kind::reply || is_passing(answer.text)) {
    settle(user, Verdict::good, {});
  } else {
    settle(user, Verdict::refused, answer.text);
  }
}

void CacheSupport::settle(UserId user, Verdict verdict, std::string reason) {
  State& state = states_[user];
  const bool is_news = state.verdict != verdict || state.reason != reason;
  state.verdict = verdict;
  state.reason = std::move(reason);
  if (is_news && verdict == Verdict::refused) {
    upstream_.log().log(
        is_needed_ || is_used_ ? LogLevel::warn : LogLevel::info,
        "cache commands and rules are not available",
        {{"user", upstream_.users().credentials(user).user}, {"reason", state.reason}});
  }
  if (verdict == Verdict::good && user == kUpstreamUser && on_available_) on_available_();
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

/// Lets those go whose time is over, and asks again for the others.
void CacheSupport::on_timer() {
  const TimePoint now = upstream_.loop().now();
  release([now](const Waiter& waiter) { return waiter.deadline <= now; });
  for (const Waiter& waiter : waiters_) timer_.set_no_later_than(waiter.deadline);
  std::vector<UserId> asked;
  for (const Waiter& waiter : waiters_) asked.push_back(waiter.user);
  if (verdict(kUpstreamUser) == Verdict::unknown) asked.push_back(kUpstreamUser);
  for (const UserId user : asked) ask(user);
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
