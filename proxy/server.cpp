#include "proxy/server.hpp"

#include <sys/resource.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "proxy/admin/admin_server.hpp"
#include "proxy/admin/proxy_handler.hpp"
#include "proxy/blocking/pinned_handler.hpp"
#include "proxy/blocking/stream_read_handler.hpp"
#include "proxy/blocking/unblock_handler.hpp"
#include "proxy/cache/cache.hpp"
#include "proxy/commands/clients_handler.hpp"
#include "proxy/commands/command_handler.hpp"
#include "proxy/commands/context_handler.hpp"
#include "proxy/commands/foreign_handler.hpp"
#include "proxy/commands/forward_handler.hpp"
#include "proxy/commands/info_handler.hpp"
#include "proxy/commands/script_handler.hpp"
#include "proxy/commands/script_kill_handler.hpp"
#include "proxy/degradation/degrading_handler.hpp"
#include "proxy/downstream/client_registry.hpp"
#include "proxy/downstream/listener.hpp"
#include "proxy/downstream/local_commands.hpp"
#include "proxy/log.hpp"
#include "proxy/notify.hpp"
#include "proxy/pubsub/pubsub_handler.hpp"
#include "proxy/transactions/transaction_handler.hpp"
#include "proxy/upstream/upstream.hpp"

#ifndef HAWSER_VERSION
#define HAWSER_VERSION "unknown"
#endif

namespace hawser {

namespace {

/// Descriptors that are not clients: upstream connections, listeners, HTTP, log.
constexpr std::uint64_t kReservedDescriptors = 256;
constexpr auto kDrainCheck = std::chrono::milliseconds(10);

/// Raises the limit of open files for so many clients, or returns how many it is enough for.
std::uint64_t raise_descriptor_limit(std::uint64_t clients) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return clients;
  const rlim_t wanted = clients + kReservedDescriptors;
  if (limit.rlim_cur >= wanted) return clients;
  rlimit raised = limit;
  raised.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  if (limit.rlim_cur >= wanted) return clients;
  return limit.rlim_cur > 2 * kReservedDescriptors ? limit.rlim_cur - kReservedDescriptors
                                                   : limit.rlim_cur / 2;
}

Breaker::Mode mode_of(CircuitOrder order) {
  switch (order) {
    case CircuitOrder::open:
      return Breaker::Mode::held_open;
    case CircuitOrder::close:
      return Breaker::Mode::held_closed;
    case CircuitOrder::automatic:
      break;
  }
  return Breaker::Mode::automatic;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

struct ReloadStats final : StatsSource {
  ReloadStats() { successful.set(1); }
  void report(StatsReport& out) const override {
    out.gauge("hawser_config_last_reload_successful",
              "Whether the configuration was good when it was last read.", {},
              static_cast<double>(successful.value()));
  }
  Gauge successful;
};

}  // namespace

struct Server::Impl final : HealthView, OperatorActions {
  Impl(const config::Settings& given, const config::RedisUrl& url,
       std::vector<config::ListenUrl> listen_urls, Reload load_again)
      : settings(given),
        reload_settings(std::move(load_again)),
        upstream_url(url),
        urls(std::move(listen_urls)),
        log(static_cast<LogLevel>(settings.log.level), static_cast<LogFormat>(settings.log.format)),
        upstream(loop, log, settings, url, HAWSER_VERSION),
        pinned(upstream, refuse, blocked),
        apart(upstream, refuse, blocked),
        forward(upstream, apart),
        info(upstream),
        foreign(upstream, forward, pinned),
        command(upstream, forward),
        script(upstream, forward),
        context(upstream),
        stream_read(forward, pinned),
        script_kill(upstream),
        unblock(upstream, blocked),
        listing({.clients = registry,
                 .blocked = blocked,
                 .loop = loop,
                 .user_name = [this](UserId id) { return upstream.users().name(id); }}),
        local(listing),
        clients(upstream, listing),
        proxy(*this),
        degrading(upstream, forward),
        cache(upstream, forward, ordinary()),
        hub(upstream, cache.watch()),
        pubsub(upstream, hub, forward),
        subscribed(pubsub, local),
        denied(settings.commands.deny),
        dispatcher({ordinary(), pinned, foreign, local, refuse, subscribed, denied}),
        transactions({.upstream = upstream,
                      .ordinary = dispatcher,
                      .blocked = blocked,
                      .denied = denied,
                      .redirect_target = [this](std::int64_t id) { return redirect_target(id); },
                      .rules = cache.rules()},
                     forward),
        parts{.loop = loop,
              .log = log,
              .settings = settings,
              .limits = {},
              .stats = downstream_stats,
              .dispatcher = dispatcher,
              .registry = registry,
              .replies = {.stats = downstream_stats,
                          .clock = loop.clock(),
                          .blocks = loop.blocks(),
                          .limits = {.output = settings.clients.output_limit,
                                     .stream_above = settings.clients.stream_above}},
              .home_database = static_cast<std::uint32_t>(url.db),
              .parser = protocol::RequestParser({})},
        build("hawser", HAWSER_VERSION),
        signals(loop.io(), SIGTERM, SIGINT, SIGHUP),
        drain_timer(loop, [this] { drain_step(); }) {
    for (const char* name : {"auth", "hello", "select"}) dispatcher.route(name, context);
    dispatcher.route("info", info);
    for (const char* name : {"command", "command|count", "command|docs", "command|getkeys",
                             "command|getkeysandflags", "command|info", "command|list"}) {
      dispatcher.route(name, command);
    }
    for (const char* name : {"proxy", "proxy|health", "proxy|help"}) dispatcher.route(name, proxy);
    dispatcher.route("client|unblock", unblock);
    for (const char* name : {"client|kill", "client|list", "client|no-evict", "client|no-touch",
                             "client|pause", "client|unpause"}) {
      dispatcher.route(name, clients);
    }
    dispatcher.obey(listing.pause_state());
    dispatcher.route("xread", stream_read);
    dispatcher.route("xreadgroup", stream_read);
    for (const char* name :
         {"subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe",
          "publish", "spublish", "pubsub|numsub", "pubsub|shardnumsub"}) {
      dispatcher.route(name, pubsub);
    }
    for (const char* name :
         {"multi", "exec", "discard", "watch", "unwatch", "client|tracking", "client|caching"}) {
      dispatcher.route(name, transactions);
    }
    for (const char* name :
         {"cache.get", "cache.invalidate", "cache.set", "cache.tag", "cache.untag"}) {
      dispatcher.route(name, cache.commands());
    }
    if (cache.rules() != nullptr) {
      for (const char* name : {"getset", "mset", "psetex", "set", "setex"}) {
        dispatcher.route(name, *cache.rules());
      }
    }
    if (Handler* bus = cache.bus(pubsub)) dispatcher.route("publish", *bus);
    for (const char* name : {"eval", "eval_ro", "script|flush", "script|load"}) {
      dispatcher.route(name, script);
    }
    for (const char* name : {"script|kill", "function|kill"}) dispatcher.route(name, script_kill);
    if (settings.commands.ping == config::PingMode::local) dispatcher.route("ping", local);
    downstream_stats.buffers = &loop.blocks().in_use();
  }

  /// Who has requests that go to the main lane.
  Handler& ordinary() {
    const bool degrades = !settings.degrade.miss.empty() || !settings.degrade.drop.empty();
    if (degrades) return degrading;
    return forward;
  }
  int run();
  std::uint64_t redirect_target(std::int64_t client_id);
  bool start_listeners();
  void announce();
  void wait_for_signal();
  void on_signal(int number);
  void reload();
  void begin_drain();
  void drain_step();

  // HealthView: called from the admin thread.
  std::chrono::milliseconds heartbeat_age() const override { return loop.heartbeat_age(); }
  bool listening() const override { return is_listening.load(std::memory_order_relaxed); }
  bool draining() const override { return downstream_stats.draining.value() != 0; }
  RedisHealth redis() const override;

  // OperatorActions: called from the admin thread.
  void set_circuit(CircuitOrder order) override {
    loop.post([this, order] { upstream.circuit().set_mode(mode_of(order)); });
  }

  config::Settings settings;
  const Reload reload_settings;
  ReloadStats reload_stats;
  const config::RedisUrl upstream_url;
  const std::vector<config::ListenUrl> urls;
  Logger log;
  Loop loop;
  DownstreamStats downstream_stats;
  ClientRegistry registry;
  Upstream upstream;
  BlockedClients blocked;
  PinnedHandler pinned;
  ApartHandler apart;
  ForwardHandler forward;
  InfoHandler info;
  ForeignHandler foreign;
  CommandHandler command;
  ScriptHandler script;
  ContextHandler context;
  StreamReadHandler stream_read;
  ScriptKillHandler script_kill;
  UnblockHandler unblock;
  ClientListing listing;
  LocalCommands local;
  ClientsHandler clients;
  ProxyHandler proxy;
  RefuseHandler refuse;
  DegradingHandler degrading;
  Cache cache;
  Hub hub;
  PubSubHandler pubsub;
  SubscribedHandler subscribed;
  DeniedCommands denied;
  Dispatcher dispatcher;
  TransactionHandler transactions;
  DownstreamParts parts;
  BuildStats build;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::unique_ptr<AdminServer> admin;
  boost::asio::signal_set signals;
  Timer drain_timer;
  TimePoint drain_deadline{};
  TimePoint accept_until{};
  bool refusing_new = false;
  std::atomic<bool> is_listening{false};
};

HealthView::RedisHealth Server::Impl::redis() const {
  const UpstreamStats& stats = upstream.figures();
  const bool up = stats.up.value() > 0;
  const auto micros = stats.latency_micros.value();
  // These are opened at first need.
  const auto state_of = [&](LaneRole role) -> std::string_view {
    return stats.connections[static_cast<std::size_t>(role)].value() > 0 ? "connected" : "idle";
  };
  return {.main = up ? "connected" : "down",
          .subscriber = state_of(LaneRole::subscriber),
          .publisher = state_of(LaneRole::publisher),
          .circuit = circuit_name(stats.circuit.value()),
          .latency_ms = micros > 0 ? static_cast<double>(micros) / 1000 : -1,
          .ok = up && stats.circuit.value() == 0};
}

/// Invalidations for a client are received where its subscriptions are.
std::uint64_t Server::Impl::redirect_target(std::int64_t client_id) {
  std::uint64_t target = 0;
  registry.for_each([&](ClientSession& session) {
    const auto* subscriber = static_cast<const Subscriber*>(session.subscriptions());
    if (static_cast<std::int64_t>(session.id()) != client_id || subscriber == nullptr) return;
    const Feed* feed = subscriber->feed_of(TopicKind::channel, kInvalidations);
    if (feed != nullptr) target = feed->client_id();
  });
  return target;
}

bool Server::Impl::start_listeners() {
  for (const config::ListenUrl& url : urls) {
    auto listener = std::make_unique<Listener>(parts, url, settings.listen.unix_mode);
    const std::string problem = listener->start();
    if (!problem.empty()) {
      log.error("cannot start", {{"reason", problem}});
      return false;
    }
    listeners.push_back(std::move(listener));
  }
  return true;
}

void Server::Impl::announce() {
  std::string addresses;
  std::string open_ports;
  std::string redis_url;
  for (const auto& listener : listeners) {
    const config::ListenUrl& url = listener->url();
    addresses += (addresses.empty() ? "" : " ") + url.text();
    const bool is_unix = url.transport == config::ListenUrl::Transport::unix_socket;
    if (redis_url.empty()) {
      redis_url = is_unix
                      ? url.text()
                      : "redis://" + url.text().substr(6) + "/" + std::to_string(upstream_url.db);
    }
    if (!is_unix) open_ports += (open_ports.empty() ? "" : " ") + url.text();
  }
  log.info("hawser " HAWSER_VERSION " is ready", {{"version", HAWSER_VERSION},
                                                  {"listen", addresses},
                                                  {"upstream", upstream_url.redacted()},
                                                  {"admin", settings.admin.listen},
                                                  {"redis_url", redis_url}});
  for (const auto& listener : listeners) {
    const config::ListenUrl& url = listener->url();
    if (url.transport == config::ListenUrl::Transport::unix_socket) {
      log.info("clients of the Unix socket",
               {{"redis_url", "unix://" + url.path}, {"ioredis", url.path}});
    }
  }
  if (!open_ports.empty()) {
    const bool only_loopback = std::all_of(urls.begin(), urls.end(), [](const auto& url) {
      return url.transport == config::ListenUrl::Transport::unix_socket || is_loopback(url.host);
    });
    log.warn(only_loopback ? "the TCP port is open to every user of this machine"
                           : "the TCP port is open to the network, unencrypted",
             {{"listen", open_ports}});
  }
}

int Server::Impl::run() {
  const std::uint64_t possible = raise_descriptor_limit(settings.clients.max);
  if (possible < settings.clients.max) {
    log.warn("clients.max lowered: the limit of open files allows no more",
             {{"clients_max", possible}, {"configured", settings.clients.max}});
    settings.clients.max = possible;
  }
  std::signal(SIGPIPE, SIG_IGN);
  if (!start_listeners()) return 1;
  if (settings.admin.listen != "off") {
    admin = std::make_unique<AdminServer>(
        settings.admin.listen, *this, *this,
        std::vector<const StatsSource*>{&build, &downstream_stats, &upstream.figures(),
                                        &hub.stats(), &cache.stats(), &degrading.stats(),
                                        &reload_stats},
        log, settings.health.readiness == config::Readiness::upstream);
    if (const auto problem = admin->start()) {
      log.error("cannot start the admin listener", {{"reason", *problem}});
      return 1;
    }
  }
  upstream.start();
  is_listening.store(true, std::memory_order_relaxed);
  announce();
  notify_supervisor("READY=1");
  wait_for_signal();
  loop.run();
  is_listening.store(false, std::memory_order_relaxed);
  listeners.clear();
  registry.for_each([](ClientSession& session) { session.abort("hawser ends"); });
  hub.close();
  upstream.close();
  loop.settle();
  if (admin != nullptr) admin->stop();
  log.info("hawser has ended");
  return 0;
}

void Server::Impl::wait_for_signal() {
  signals.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    loop.enter_turn();
    on_signal(number);
    wait_for_signal();
  });
}

void Server::Impl::on_signal(int number) {
  if (number == SIGHUP) {
    reload();
    return;
  }
  if (draining()) {
    log.warn("second signal: ending at once", {{"clients", registry.size()}});
    loop.stop();
    return;
  }
  begin_drain();
}

/// A bad configuration changes nothing; of a good one, what the table calls reloadable.
void Server::Impl::reload() {
  const auto loaded = reload_settings(log);
  reload_stats.successful.set(loaded ? 1 : 0);
  if (!loaded) return;
  settings.log.level = loaded->log.level;
  log.set_level(static_cast<LogLevel>(settings.log.level));
  settings.commands.deny = loaded->commands.deny;
  denied.set(settings.commands.deny);
  log.info(
      "configuration reloaded; settings other than log.level and commands.deny need a restart");
}

void Server::Impl::begin_drain() {
  log.info("draining", {{"clients", registry.size()}});
  notify_supervisor("STOPPING=1");
  downstream_stats.draining.set(1);
  accept_until = loop.now() + settings.drain.min;
  drain_deadline = accept_until + settings.drain.max;
  drain_step();
}

/// Until nobody is left: keep accepting for drain.min, then only finish what is in flight.
void Server::Impl::drain_step() {
  const TimePoint now = loop.now();
  if (now >= accept_until && !refusing_new) {
    refusing_new = true;
    for (const auto& listener : listeners) listener->stop();
    registry.for_each([](ClientSession& session) { session.drain(); });
  }
  if (refusing_new && (registry.size() == 0 || now >= drain_deadline)) {
    if (registry.size() > 0) log.warn("drain.max is over", {{"clients", registry.size()}});
    loop.stop();
    return;
  }
  drain_timer.set(now + kDrainCheck);
}

Server::Server(const config::Settings& settings, const config::RedisUrl& upstream,
               std::vector<config::ListenUrl> listen, Reload reload)
    : impl_(std::make_unique<Impl>(settings, upstream, std::move(listen), std::move(reload))) {}

Server::~Server() = default;

int Server::run() {
  return impl_->run();
}

int run_server(const config::Settings& settings, const config::RedisUrl& upstream,
               std::vector<config::ListenUrl> listen, Server::Reload reload) {
  return Server(settings, upstream, std::move(listen), std::move(reload)).run();
}

}  // namespace hawser
