#include "proxy/upstream/upstream.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

namespace hawser {

namespace {

Endpoint endpoint_of(const config::RedisUrl& url) {
  if (url.transport == config::RedisUrl::Transport::unix_socket) return {{}, 0, url.path};
  return {url.host, url.port, {}};
}

std::string label_of(const config::RedisUrl& url) {
  if (url.transport == config::RedisUrl::Transport::unix_socket) return url.path;
  return url.host + ":" + std::to_string(url.port);
}

/// How often a server that says it is a replica is left for another.
constexpr Duration kLeaveInterval = std::chrono::milliseconds(500);
/// After so long without it, saying so again is news.
constexpr Duration kLeaveForgotten = std::chrono::seconds(60);

/// Main lanes, most of them closed, before unused ones are forgotten.
constexpr std::size_t kMostRemembered = 64;

/// CLIENT SETNAME takes printable characters without blanks.
std::string instance_name(const std::string& configured) {
  std::string name = configured;
  if (name.empty()) {
    std::array<char, 64> host{};
    (void)::gethostname(host.data(), host.size() - 1);
    std::random_device random;
    static constexpr std::string_view kDigits = "0123456789abcdef";
    name = std::string(host.data()) + "-";
    for (int i = 0; i < 4; ++i) name += kDigits[random() % kDigits.size()];
  }
  for (char& c : name) {
    if (c <= ' ' || c > '~' || c == ':') c = '_';
  }
  return name;
}

}  // namespace

Upstream::Upstream(Loop& loop, Logger& log, const config::Settings& settings,
                   const config::RedisUrl& url, std::string version)
    : parts_{.loop = loop,
             .log = log,
             .settings = settings,
             .limits = {},
             .endpoint = endpoint_of(url),
             .instance = instance_name(settings.upstream.instance),
             .version = std::move(version),
             .stats = UpstreamStats(label_of(url)),
             .health = Health(settings),
             .gate = ConnectGate(loop, parts_.health, settings),
             .users = Users(url, settings.auth.cache),
             .listeners = {},
             .leave_server = [this] { return leave_server(); },
             .run_id = {},
             .scripts = {},
             .client_scripts = ClientScripts(settings.scripts.remember),
             .server_version = {}},
      home_{kUpstreamUser, static_cast<std::uint32_t>(url.db), RespVersion::resp2},
      control_(parts_),
      circuit_(parts_, control_),
      reaper_(parts_),
      pinned_(parts_, reaper_),
      publisher_(parts_, reaper_, Context{}, LaneRole::publisher, false),
      idle_timer_(loop, [this] { close_idle(); }),
      ping_timer_(loop, [this] { ping_idle(); }) {
  circuit_.add_listener(*this);
  circuit_.add_restorer(*this);
  add_listener(*this);
}

Upstream::~Upstream() = default;

void Upstream::start() {
  main_lane(home_)->ensure_open();
  idle_timer_.set(Clock::now() + parts_.settings.contexts.idle);
  ping_timer_.set(Clock::now() + parts_.settings.reconnect.ping);
}

void Upstream::close() {
  closed_ = true;
  idle_timer_.cancel();
  ping_timer_.cancel();
  circuit_.close();
  pinned_.close();
  reaper_.close();
  control_.close();
  for (const auto& lane : mains_) lane->end();
  publisher_.end();
}

std::unique_ptr<SubscriberLane> Upstream::subscriber_lane(UserId user, SubscriberLaneOwner& owner) {
  auto lane = std::make_unique<SubscriberLane>(parts_, user, owner);
  subscribers_.push_back(lane.get());
  return lane;
}

MainLane* Upstream::find_main_lane(const Context& context) {
  if (last_used_ != nullptr && last_used_->context() == context) return last_used_;
  for (const auto& lane : mains_) {
    if (lane->context() == context) return last_used_ = lane.get();
  }
  return nullptr;
}

MainLane* Upstream::main_lane(const Context& context) {
  MainLane* found = find_main_lane(context);
  if (closed_ || (found != nullptr && found->is_active())) return found;
  const auto active = static_cast<std::uint64_t>(std::count_if(
      mains_.begin(), mains_.end(), [](const auto& lane) { return lane->is_active(); }));
  if (active >= parts_.settings.contexts.max && context != home_) return nullptr;
  if (found != nullptr) return found;
  if (mains_.size() > kMostRemembered) forget_unused();
  mains_.push_back(
      std::make_unique<MainLane>(parts_, reaper_, context, LaneRole::main, context == home_));
  parts_.stats.contexts.set(static_cast<std::int64_t>(mains_.size()));
  return mains_.back().get();
}

TimePoint Upstream::deadline_of(CommandClass command_class, TimePoint arrived) const {
  const auto& timeout = parts_.settings.timeout;
  const TimePoint now = parts_.loop.now();
  if (command_class == CommandClass::script) return now + timeout.script;
  return std::min(arrived + timeout.total, now + timeout.command);
}

/// Whether `bytes` may go to the lane; `why` not.
bool Upstream::admit(const MainLane* lane, std::size_t bytes, Failure& why) {
  if (closed_) {
    why = Failure::down;
    return false;
  }
  if (!parts_.health.allows()) {
    why = Failure::circuit_open;
    return false;
  }
  if (lane == nullptr) {
    why = Failure::full_contexts;
    return false;
  }
  return !lane->is_full(bytes, why);
}

/// A request that waits for a connection has its whole time for that; one that is sent has the time
/// for a reply.
TimePoint Upstream::forward_deadline(const MainLane& lane, CommandClass command_class,
                                     TimePoint arrived) const {
  return lane.is_open() ? deadline_of(command_class, arrived)
                        : arrived + parts_.settings.timeout.total;
}

void Upstream::forward(MainLane* lane, Request& request, SlotHandle slot) {
  Failure why{};
  if (!admit(lane, request.raw.size(), why)) {
    fail(slot, why);
    return;
  }
  const CommandClass command_class = class_of(request);
  const TimePoint deadline = forward_deadline(*lane, command_class, request.arrived);
  if (deadline <= parts_.loop.now()) {
    slot.fail(Failure::down);
    return;
  }
  lane->submit({.bytes = request.wire(scratch_),
                .block = request.canonical ? request.block : nullptr,
                .slot = std::move(slot),
                .deadline = deadline,
                .command_class = command_class,
                .command = request.command,
                .final_deadline = request.arrived + parts_.settings.timeout.total,
                .server = request.server});
}

void Upstream::forward_block(MainLane* lane, std::string_view bytes, std::vector<SlotHandle> slots,
                             const Request& last) {
  Failure why = Failure::down;
  const CommandClass command_class = class_of(last);
  if (!admit(lane, bytes.size(), why) ||
      forward_deadline(*lane, command_class, last.arrived) <= parts_.loop.now()) {
    for (SlotHandle& slot : slots) fail(slot, why);
    return;
  }
  PendingRequest block;
  block.bytes = bytes;
  block.slots = std::move(slots);
  block.deadline = forward_deadline(*lane, command_class, last.arrived);
  block.submitted = parts_.loop.now();
  block.command_class = command_class;
  lane->submit(std::move(block));
}

void Upstream::fail(SlotHandle& slot, Failure why) {
  slot.fail(why, why == Failure::circuit_open ? circuit_.retry_in() : 0);
}

void Upstream::on_circuit(const CircuitState& state) {
  if (state.state == "open" && !parts_.health.allows()) {
    publisher_.refuse_waiting();
    for (const auto& lane : mains_) lane->refuse_waiting();
  }
  if (!state.is_closed()) return;
  publisher_.resume();
  for (const auto& lane : mains_) lane->resume();
  pinned_.resume();
}

void Upstream::restore() {
  main_lane(home_)->ensure_open();
}

bool Upstream::is_restored() const {
  return std::any_of(mains_.begin(), mains_.end(), [this](const auto& lane) {
    return lane->context() == home_ && (lane->is_open() || lane->is_refused());
  });
}

void Upstream::on_lane_open(const Context& context) {
  // Subscribers are not cut for looking for another server, but for there being one.
  for (SubscriberLane* lane : subscribers_) lane->stay_only_with(parts_.run_id);
  if (context == home_) circuit_.on_restored();
}

bool Upstream::leave_server() {
  const TimePoint now = parts_.loop.now();
  if (now - left_at_ < leave_interval_) return false;
  // It is looked for another ever more seldom: this one may be a replica on purpose.
  const bool is_first = now - left_at_ > kLeaveForgotten;
  leave_interval_ = is_first ? kLeaveInterval : std::min(leave_interval_ * 2, kLeaveForgotten / 2);
  left_at_ = now;
  parts_.log.warn("the upstream is a replica now: connecting again",
                  {{"upstream", parts_.stats.upstream}});
  for (const auto& lane : mains_) lane->leave_server();
  publisher_.leave_server();
  pinned_.close_spare();
  return true;
}

/// So that a server that vanished without a word is noticed before a request needs it.
void Upstream::ping_idle() {
  const TimePoint now = parts_.loop.now();
  const TimePoint limit = now - parts_.settings.reconnect.ping;
  for (const auto& lane : mains_) lane->ping_if_idle(limit);
  publisher_.ping_if_idle(limit);
  for (SubscriberLane* lane : subscribers_) {
    lane->ping_if_idle(limit, now + parts_.settings.timeout.command);
  }
  ping_timer_.set(now + parts_.settings.reconnect.ping / 2);
}

std::string_view Upstream::server_version() const {
  return knows_server_version() ? parts_.server_version
                                : std::string_view(parts_.settings.upstream.assumed_version);
}

void Upstream::close_idle() {
  const TimePoint limit = parts_.loop.now() - parts_.settings.contexts.idle;
  for (const auto& lane : mains_) {
    // The URL's own stays open, so that it is known whether the upstream is there.
    if (lane->context() != home_ && lane->is_idle_since(limit)) lane->close();
  }
  forget_unused();
  idle_timer_.set(parts_.loop.now() + parts_.settings.contexts.idle / 4);
}

/// A lane that is neither open nor wanted is remembered only for the upstream having accepted its
/// context, and only so many of them.
void Upstream::forget_unused() {
  const bool too_many = mains_.size() > kMostRemembered;
  std::erase_if(mains_, [&](const auto& lane) {
    const bool unused = !lane->is_active() && lane->unanswered() == 0 && lane->context() != home_;
    return unused && (too_many || !lane->is_proven());
  });
  last_used_ = nullptr;
  parts_.stats.contexts.set(static_cast<std::int64_t>(mains_.size()));
}

}  // namespace hawser
