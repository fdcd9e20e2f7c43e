#include "config/setting_table.hpp"

#include <algorithm>
#include <array>

#include "config/setting_values.hpp"

namespace hawser::config {
namespace {

using values::bind;
using Type = SettingType;

constexpr std::int64_t kDay = std::int64_t{24} * 3600 * 1000;
constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kTiB = std::int64_t{1} << 40;

constexpr std::array<std::string_view, 2> kPing = {"upstream", "local"};
constexpr std::array<std::string_view, 2> kInfo = {"last", "error"};
constexpr std::array<std::string_view, 3> kGap = {"close", "silent", "notify"};
constexpr std::array<std::string_view, 3> kRetryReads = {"unknown", "rejected", "never"};
constexpr std::array<std::string_view, 2> kRetryWrites = {"rejected", "never"};
constexpr std::array<std::string_view, 2> kInvalidate = {"error", "queue"};
constexpr std::array<std::string_view, 2> kReadiness = {"self", "upstream"};
constexpr std::array<std::string_view, 5> kLevels = {"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 3> kFormats = {"auto", "text", "json"};

constexpr std::array kTable = {
    bind<&Settings::listen, &Settings::Listen::urls>(
        {.key = "listen.urls",
         .type = Type::text_list,
         .flag = "--listen",
         .doc = "Where applications connect: tcp://host:port and unix:///path, any number of them. "
                "Everybody who reaches a listener can use Redis through it.",
         .example = "tcp://127.0.0.1:6380",
         .check = values::check_listener}),
    bind<&Settings::listen, &Settings::Listen::unix_mode>(
        {.key = "listen.unix_mode",
         .type = Type::permissions,
         .doc = "Permissions of Unix sockets, in octal."}),

    bind<&Settings::upstream, &Settings::Upstream::url>(
        {.key = "upstream.url",
         .flag = "--upstream",
         .also_env = "HAWSER_UPSTREAM",
         .doc = "The Redis server. redis://[user:password@]host[:port][/db], valkey:// or "
                "unix:///path?db=n. Where it is not set, the environment's REDIS_URL is used, then "
                "REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_DB, then the default.",
         .example = "redis://127.0.0.1:6379",
         .check = values::check_upstream}),
    bind<&Settings::upstream, &Settings::Upstream::password_file>(
        {.key = "upstream.password_file",
         .doc = "A file whose first line is the password, if the URL has none. "
                "Without it, $CREDENTIALS_DIRECTORY/upstream-password is used if it exists.",
         .example = "/etc/hawser/upstream-password",
         .check = values::check_file_name}),
    bind<&Settings::upstream, &Settings::Upstream::assumed_version>(
        {.key = "upstream.assumed_version",
         .doc = "The version HELLO tells before the first contact with Redis.",
         .check = values::check_version}),
    bind<&Settings::upstream, &Settings::Upstream::instance>(
        {.key = "upstream.instance",
         .doc = "The second word of hawser's connection names in Redis' CLIENT LIST. "
                "Where it is not set: host name and process.",
         .example = "orders-1",
         .check = values::check_instance}),

    bind<&Settings::timeout, &Settings::Timeout::connect>(
        {.key = "timeout.connect",
         .type = Type::duration,
         .doc = "Resolving, connecting and handshake of one attempt.",
         .min = 1,
         .max = kDay}),
    bind<&Settings::timeout, &Settings::Timeout::command>(
        {.key = "timeout.command",
         .type = Type::duration,
         .doc = "From a request being sent to its reply. At most timeout.total.",
         .min = 1,
         .max = kDay}),
    bind<&Settings::timeout, &Settings::Timeout::total>(
        {.key = "timeout.total",
         .type = Type::duration,
         .doc = "From a request's arrival to its answer, waiting included. "
                "Most client libraries give up after 5s.",
         .min = 1,
         .max = kDay}),
    bind<&Settings::timeout, &Settings::Timeout::script>(
        {.key = "timeout.script",
         .type = Type::duration,
         .doc = "In place of command and total for scripts and functions.",
         .min = 1,
         .max = kDay}),

    bind<&Settings::reconnect, &Settings::Reconnect::backoff_min>(
        {.key = "reconnect.backoff_min",
         .type = Type::duration,
         .doc = "The first pause between attempts to connect. At most reconnect.backoff_max.",
         .min = 1,
         .max = kDay}),
    bind<&Settings::reconnect, &Settings::Reconnect::backoff_max>(
        {.key = "reconnect.backoff_max",
         .type = Type::duration,
         .doc = "The longest pause between attempts to connect.",
         .min = 1,
         .max = kDay}),
    bind<&Settings::reconnect, &Settings::Reconnect::ping>(
        {.key = "reconnect.ping",
         .type = Type::duration,
         .doc = "An upstream connection that was idle for so long is sent a PING, so that a server "
                "that vanished is noticed before a request needs it. Shorter where networks drop "
                "packets silently.",
         .min = 1,
         .max = kDay}),

    bind<&Settings::retry, &Settings::Retry::max>(
        {.key = "retry.max",
         .type = Type::count,
         .doc = "How often hawser sends one request again, within timeout.total. 0: never. "
                "Requests never sent at all wait for a connection, which is no retry.",
         .min = 0,
         .max = 100}),
    bind<&Settings::retry, &Settings::Retry::reads>(
        {.key = "retry.reads",
         .type = Type::choice,
         .doc = "When commands that only read are sent again. unknown: also if the connection was "
                "lost after sending. rejected: only if Redis said that it did not execute them "
                "(LOADING, BUSY, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, READONLY).",
         .choices = kRetryReads}),
    bind<&Settings::retry, &Settings::Retry::writes>(
        {.key = "retry.writes",
         .type = Type::choice,
         .doc = "When other plain commands are sent again. Never if their outcome is unknown; "
                "scripts, transactions and commands hawser does not know never at all.",
         .choices = kRetryWrites}),
    bind<&Settings::retry, &Settings::Retry::delay_min>(
        {.key = "retry.delay_min",
         .type = Type::duration,
         .doc = "The shortest pause before a request is sent again. At most retry.delay_max.",
         .min = 0,
         .max = kDay}),
    bind<&Settings::retry, &Settings::Retry::delay_max>(
        {.key = "retry.delay_max",
         .type = Type::duration,
         .doc = "The longest pause before a request is sent again.",
         .min = 1,
         .max = kDay}),
    bind<&Settings::retry, &Settings::Retry::budget>(
        {.key = "retry.budget",
         .type = Type::count,
         .doc = "Tokens for retries: each costs one, a success gives back a tenth, and below half "
                "of them nothing is sent again. Keeps retries from adding to an overload.",
         .min = 0,
         .max = 1'000'000}),

    bind<&Settings::circuit, &Settings::Circuit::samples>(
        {.key = "circuit.samples",
         .type = Type::count,
         .doc = "Fewer requests than this within ten seconds do not open the circuit by their "
                "share of failures.",
         .min = 1,
         .max = 1'000'000'000}),
    bind<&Settings::circuit, &Settings::Circuit::failure_percent>(
        {.key = "circuit.failure_percent",
         .type = Type::count,
         .doc = "Share of failures within ten seconds at which the circuit opens. Failures are "
                "time-outs, lost connections and the errors LOADING, MASTERDOWN, BUSY and "
                "CLUSTERDOWN; other errors are answers.",
         .min = 1,
         .max = 100}),
    bind<&Settings::circuit, &Settings::Circuit::connect_failures>(
        {.key = "circuit.connect_failures",
         .type = Type::count,
         .doc = "Attempts to connect that failed in a row at which the circuit opens. More where "
                "short restarts are to be waited out.",
         .min = 1,
         .max = 1'000'000}),
    bind<&Settings::circuit, &Settings::Circuit::time_outs>(
        {.key = "circuit.time_outs",
         .type = Type::count,
         .doc = "Time-outs in a row at which the circuit opens. Those of one connection count once "
                "until something comes on it again.",
         .min = 1,
         .max = 1'000'000}),
    bind<&Settings::circuit, &Settings::Circuit::probe>(
        {.key = "circuit.probe",
         .type = Type::duration,
         .doc = "While the circuit is open, Redis is asked whether it is back so often. Every "
                "hawser does so: longer where there are hundreds of them.",
         .min = 10,
         .max = kDay}),
    bind<&Settings::circuit, &Settings::Circuit::hold_min>(
        {.key = "circuit.hold_min",
         .type = Type::duration,
         .doc = "A circuit that opens again soon after it was closed stays open at least this "
                "long, and longer each time. At most circuit.hold_max.",
         .min = 0,
         .max = kDay}),
    bind<&Settings::circuit, &Settings::Circuit::hold_max>({.key = "circuit.hold_max",
                                                            .type = Type::duration,
                                                            .doc = "The longest such time.",
                                                            .min = 0,
                                                            .max = kDay}),
    bind<&Settings::circuit, &Settings::Circuit::flap>({.key = "circuit.flap",
                                                        .type = Type::duration,
                                                        .doc = "What soon means for hold_min.",
                                                        .min = 0,
                                                        .max = kDay}),

    bind<&Settings::degrade, &Settings::Degrade::miss>(
        {.key = "degrade.miss",
         .type = Type::text_list,
         .doc = "While the circuit is not closed, reads of keys that fit one of these patterns are "
                "answered as if the keys did not exist: GET, MGET, GETRANGE, STRLEN, EXISTS, TTL, "
                "PTTL, HGET, HMGET and HGETALL. For caches; other requests get the error.",
         .example = "cache:*",
         .may_be_empty = true,
         .check = values::check_pattern}),
    bind<&Settings::degrade, &Settings::Degrade::drop>(
        {.key = "degrade.drop",
         .type = Type::text_list,
         .doc = "While the circuit is not closed, plain SET, DEL, UNLINK and EXPIRE of keys that "
                "fit one of these patterns are answered +OK or :0 and not performed. The keys are "
                "remembered in memory and deleted before the circuit is closed. Only for caches: "
                "the writes are lost, and what is remembered is lost with the process.",
         .example = "cache:*",
         .may_be_empty = true,
         .check = values::check_pattern}),
    bind<&Settings::degrade, &Settings::Degrade::journal_keys>(
        {.key = "degrade.journal_keys",
         .type = Type::count,
         .doc = "Keys remembered for degrade.drop. Beyond that the whole pattern is deleted once "
                "Redis is back, and its keys count as absent until that is done.",
         .min = 1,
         .max = 1'000'000'000}),
    bind<&Settings::degrade, &Settings::Degrade::journal_bytes>(
        {.key = "degrade.journal_bytes",
         .type = Type::size,
         .doc = "The same in bytes of memory.",
         .min = kKiB,
         .max = kTiB}),

    bind<&Settings::clients, &Settings::Clients::max>(
        {.key = "clients.max",
         .type = Type::count,
         .doc = "Clients connected at the same time. "
                "One more is answered with an error and closed.",
         .min = 1,
         .max = 1'000'000}),
    bind<&Settings::clients, &Settings::Clients::pipeline>(
        {.key = "clients.pipeline",
         .type = Type::count,
         .doc = "Requests of one client that are not yet answered. "
                "At this many, hawser stops reading from it.",
         .min = 1,
         .max = 1'000'000'000}),
    bind<&Settings::clients, &Settings::Clients::output_limit>(
        {.key = "clients.output_limit",
         .type = Type::size,
         .doc = "Replies a client has left unread. A client over it is closed.",
         .min = kKiB,
         .max = kTiB}),
    bind<&Settings::clients, &Settings::Clients::stream_above>(
        {.key = "clients.stream_above",
         .type = Type::size,
         .doc = "A longer reply is passed on while it arrives. If the upstream is lost in the "
                "middle of it, its client is closed.",
         .min = 16 * kKiB,
         .max = kTiB}),
    bind<&Settings::clients, &Settings::Clients::request_limit>(
        {.key = "clients.request_limit",
         .type = Type::size,
         .doc = "One request with all its arguments.",
         .min = kKiB,
         .max = kTiB}),
    bind<&Settings::clients, &Settings::Clients::stall>(
        {.key = "clients.stall",
         .type = Type::duration,
         .doc = "How long a single reply over output_limit may wait for its reader.",
         .min = 1,
         .max = kDay}),

    bind<&Settings::lanes, &Settings::Lanes::max_requests>(
        {.key = "lanes.max_requests",
         .type = Type::count,
         .doc = "Requests waiting or in flight on one upstream connection.",
         .min = 1,
         .max = 1'000'000'000}),
    bind<&Settings::lanes, &Settings::Lanes::max_bytes>({.key = "lanes.max_bytes",
                                                         .type = Type::size,
                                                         .doc = "The same in bytes.",
                                                         .min = kKiB,
                                                         .max = kTiB}),
    bind<&Settings::lanes, &Settings::Lanes::large_request>(
        {.key = "lanes.large_request",
         .type = Type::size,
         .doc = "Requests larger than this take an upstream connection of their own.",
         .min = kKiB,
         .max = kTiB}),

    bind<&Settings::buffers, &Settings::Buffers::max_bytes>(
        {.key = "buffers.max_bytes",
         .type = Type::size,
         .doc = "All buffers of the process together.",
         .min = kKiB * kKiB,
         .max = kTiB}),

    bind<&Settings::pinned, &Settings::Pinned::max>(
        {.key = "pinned.max",
         .type = Type::count,
         .doc = "Upstream connections that serve one client each, for as long as it is inside "
                "WATCH, an open MULTI or a blocking command.",
         .min = 1,
         .max = 100'000}),
    bind<&Settings::pinned, &Settings::Pinned::max_for_life>(
        {.key = "pinned.max_for_life",
         .type = Type::count,
         .doc = "The same for those that keep it until they leave (MONITOR, CLIENT TRACKING).",
         .min = 0,
         .max = 100'000}),
    bind<&Settings::pinned, &Settings::Pinned::wait>(
        {.key = "pinned.wait",
         .type = Type::duration,
         .doc = "How long a request waits for such a connection.",
         .min = 0,
         .max = kDay}),
    bind<&Settings::pinned, &Settings::Pinned::idle>({.key = "pinned.idle",
                                                      .type = Type::duration,
                                                      .doc = "A spare one is closed after so long.",
                                                      .min = 0,
                                                      .max = kDay}),

    bind<&Settings::pubsub, &Settings::PubSub::subscriptions>(
        {.key = "pubsub.subscriptions",
         .type = Type::count,
         .doc = "Channels and patterns one client may be subscribed to.",
         .min = 1,
         .max = 1'000'000'000}),
    bind<&Settings::pubsub, &Settings::PubSub::gap>(
        {.key = "pubsub.gap",
         .type = Type::choice,
         .doc =
             "What happens to subscribers when the connection was lost and messages may have "
             "been missed, once everything is subscribed again, or when a number is missing among "
             "an instance's invalidations. close: they are closed, which every client library "
             "notices. silent: nothing. notify: each gets a message on "
             "channel __hawser__:gap.",
         .choices = kGap}),
    bind<&Settings::pubsub, &Settings::PubSub::output_hard>(
        {.key = "pubsub.output_hard",
         .type = Type::size,
         .doc = "A subscriber that has left so much unread is closed.",
         .min = kKiB,
         .max = kTiB}),
    bind<&Settings::pubsub, &Settings::PubSub::output_soft>(
        {.key = "pubsub.output_soft",
         .type = Type::size,
         .doc = "A subscriber that stays above this for output_soft_time is closed.",
         .min = kKiB,
         .max = kTiB}),
    bind<&Settings::pubsub, &Settings::PubSub::output_soft_time>({.key = "pubsub.output_soft_time",
                                                                  .type = Type::duration,
                                                                  .doc = "See output_soft.",
                                                                  .min = 0,
                                                                  .max = kDay}),

    bind<&Settings::contexts, &Settings::Contexts::max>(
        {.key = "contexts.max",
         .type = Type::count,
         .doc = "Combinations of user, database and RESP version in use at the same time. "
                "Each has one shared upstream connection.",
         .min = 1,
         .max = 10'000}),
    bind<&Settings::contexts, &Settings::Contexts::idle>(
        {.key = "contexts.idle",
         .type = Type::duration,
         .doc = "The connection of a combination that nobody used is closed after so long.",
         .min = 1,
         .max = kDay}),

    bind<&Settings::auth, &Settings::Auth::cache>(
        {.key = "auth.cache",
         .type = Type::duration,
         .doc = "How long a password that Redis accepted need not be asked again.",
         .min = 0,
         .max = kDay}),

    bind<&Settings::commands, &Settings::Commands::ping>(
        {.key = "commands.ping",
         .type = Type::choice,
         .doc = "Who answers PING. upstream tells the truth about Redis, local about hawser only.",
         .choices = kPing}),
    bind<&Settings::commands, &Settings::Commands::info_when_down>(
        {.key = "commands.info_when_down",
         .type = Type::choice,
         .doc = "What INFO gets while Redis is away: the last copy, or an error. "
                "Some client libraries cannot start without INFO.",
         .choices = kInfo}),
    bind<&Settings::commands, &Settings::Commands::deny>(
        {.key = "commands.deny",
         .type = Type::text_list,
         .reloadable = true,
         .doc = "Commands refused to everybody with -NOPERM, as in [\"flushall\", \"config|set\", "
                "\"debug\"]; a container's name stands for all its subcommands. Of names hawser "
                "does not know, only those with a dot are taken, as modules have them. What a "
                "script calls is not seen.",
         .may_be_empty = true,
         .check = values::check_command_name}),

    bind<&Settings::scripts, &Settings::Scripts::remember>(
        {.key = "scripts.remember",
         .type = Type::size,
         .doc =
             "Scripts that clients have sent and Redis has accepted, so much of their text. An "
             "EVALSHA of one of them that Redis no longer knows is sent again as EVAL. 0B: none.",
         .min = 0,
         .max = kTiB}),

    bind<&Settings::admin, &Settings::Admin::listen>(
        {.key = "admin.listen",
         .flag = "--admin",
         .doc = "HOST:PORT for health and metrics over HTTP, or off.",
         .check = values::check_admin}),

    bind<&Settings::health, &Settings::Health::readiness>(
        {.key = "health.readiness",
         .type = Type::choice,
         .doc = "What /readyz tells: whether hawser itself is ready, or also whether Redis is. "
                "Readiness that follows Redis takes every replica out at once.",
         .choices = kReadiness}),

    bind<&Settings::log, &Settings::Log::level>({.key = "log.level",
                                                 .type = Type::choice,
                                                 .flag = "--log-level",
                                                 .reloadable = true,
                                                 .doc = "The least level that is logged.",
                                                 .choices = kLevels}),
    bind<&Settings::log, &Settings::Log::format>(
        {.key = "log.format",
         .type = Type::choice,
         .flag = "--log-format",
         .doc = "How log lines look. auto is text on a terminal and JSON otherwise.",
         .choices = kFormats}),

    bind<&Settings::drain, &Settings::Drain::min>(
        {.key = "drain.min",
         .type = Type::duration,
         .doc = "After SIGTERM, new clients are still accepted for so long.",
         .min = 0,
         .max = kDay}),
    bind<&Settings::drain, &Settings::Drain::max>(
        {.key = "drain.max",
         .type = Type::duration,
         .doc = "Then hawser is gone within so long, finished or not.",
         .min = 0,
         .max = kDay}),

    // The last section: the rules follow it in hawser.toml, as tables of their own.
    bind<&Settings::cache, &Settings::Cache::channel>(
        {.key = "cache.channel",
         .doc = "An invalidation published here through hawser is performed, then passed on with "
                "its origin, its number and the time. The same for every hawser of an "
                "application. Empty: messages are only passed on, as on any channel.",
         .may_be_empty = true}),
    bind<&Settings::cache, &Settings::Cache::prefix>(
        {.key = "cache.prefix",
         .doc = "How the keys begin in which hawser keeps indexes of tags and leases. The same for "
                "every hawser of an application.",
         .check = values::check_prefix}),
    bind<&Settings::cache, &Settings::Cache::timeout>(
        {.key = "cache.timeout",
         .type = Type::duration,
         .doc = "Of one CACHE.INVALIDATE, or of one message performed. Then it is answered with "
                "-PROXYTIMEOUT, and the work goes on.",
         .min = 1,
         .max = kDay}),
    bind<&Settings::cache, &Settings::Cache::batch>(
        {.key = "cache.batch",
         .type = Type::count,
         .doc = "Keys that an invalidation deletes at once. Other clients wait for no more than "
                "that.",
         .min = 1,
         .max = 1000}),
    bind<&Settings::cache, &Settings::Cache::wait>(
        {.key = "cache.wait",
         .type = Type::duration,
         .doc = "How long CACHE.GET with LEASE waits for another client to fill the key. After "
                "that it is a miss without a token.",
         .min = 0,
         .max = kDay}),
    bind<&Settings::cache, &Settings::Cache::invalidate_when_down>(
        {.key = "cache.invalidate_when_down",
         .type = Type::choice,
         .doc = "What CACHE.INVALIDATE gets while Redis is away: an error, or its tags are "
                "remembered in memory and invalidated before the circuit is closed. What is "
                "remembered is lost with the process.",
         .choices = kInvalidate}),
    bind<&Settings::cache, &Settings::Cache::journal_tags>(
        {.key = "cache.journal_tags",
         .type = Type::count,
         .doc = "Tags remembered so at most. Beyond that it is an error.",
         .min = 1,
         .max = 1'000'000'000}),
    bind<&Settings::cache, &Settings::Cache::sweep>(
        {.key = "cache.sweep",
         .type = Type::duration,
         .doc = "How often the indexes are looked through for keys that are gone, by one hawser of "
                "an application at a time.",
         .min = 10,
         .max = kDay}),
};

}  // namespace

std::string Setting::env() const {
  std::string name = "HAWSER_";
  for (const char c : key) {
    name += c == '.' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::span<const Setting> setting_table() {
  return kTable;
}

const Setting* find_setting(std::string_view key) {
  const auto row = std::find_if(kTable.begin(), kTable.end(),
                                [key](const Setting& setting) { return setting.key == key; });
  return row == kTable.end() ? nullptr : &*row;
}

const Setting* find_setting_by_flag(std::string_view flag) {
  const auto row = std::find_if(kTable.begin(), kTable.end(), [flag](const Setting& setting) {
    return !flag.empty() && setting.flag == flag;
  });
  return row == kTable.end() ? nullptr : &*row;
}

}  // namespace hawser::config
