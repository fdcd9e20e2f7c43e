#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "config/cache_rule.hpp"

namespace hawser::config {

using Milliseconds = std::chrono::milliseconds;

enum class PingMode : std::uint8_t { upstream, local };
enum class InfoWhenDown : std::uint8_t { last, error };
enum class GapAction : std::uint8_t { close, silent, notify };
enum class InvalidateWhenDown : std::uint8_t { error, queue };
enum class Readiness : std::uint8_t { self, upstream };
enum class RetryReads : std::uint8_t { unknown, rejected, never };
enum class RetryWrites : std::uint8_t { rejected, never };
enum class LogLevelSetting : std::uint8_t { trace, debug, info, warn, error };
enum class LogFormatSetting : std::uint8_t { automatic, text, json };

/// Everything that can be configured, with its defaults. A plain value: it is filled by the
/// sources (file, environment, flags) through the table in setting_table.hpp and then only read.
struct Settings {
  struct Listen {
    std::vector<std::string> urls = {"tcp://127.0.0.1:6380"};
    std::uint32_t unix_mode = 0660;  ///< Permission bits of Unix sockets.
  } listen;

  struct Upstream {
    std::string url;            ///< Empty: not set by flag, environment or file.
    std::string password_file;  ///< Its first line is the password, if the URL has none.
    std::string assumed_version = "7.0.0";  ///< Told by HELLO before first contact.
    std::string instance;  ///< In the names of upstream connections; empty: host name and process.
  } upstream;

  struct Timeout {
    Milliseconds connect{2000};  ///< Resolve, connect and handshake of one attempt.
    Milliseconds command{3000};  ///< From being sent to the reply.
    Milliseconds total{4000};    ///< From arrival, queueing included.
    Milliseconds script{10000};  ///< Instead of `command` and `total` for scripts and functions.
  } timeout;

  struct Reconnect {
    Milliseconds backoff_min{50};
    Milliseconds backoff_max{500};
    Milliseconds ping{5000};  ///< An upstream connection idle for so long is asked for a PONG.
  } reconnect;

  struct Retry {
    std::uint64_t max = 2;  ///< Of one request.
    RetryReads reads = RetryReads::unknown;
    RetryWrites writes = RetryWrites::rejected;
    Milliseconds delay_min{10};
    Milliseconds delay_max{100};
    std::uint64_t budget = 10;  ///< Retries at once; a success gives back a tenth of one.
  } retry;

  struct Circuit {
    std::uint64_t samples = 20;
    std::uint64_t failure_percent = 50;
    std::uint64_t connect_failures = 3;
    std::uint64_t time_outs = 5;
    Milliseconds probe{500};  ///< Between questions to an upstream that is given up.
    Milliseconds hold_min{1000};
    Milliseconds hold_max{30000};
    Milliseconds flap{10000};
  } circuit;

  struct Degrade {
    std::vector<std::string> miss;  ///< Patterns of keys that reads take for absent ...
    std::vector<std::string> drop;  ///< ... and that writes are dropped for.
    std::uint64_t journal_keys = 100000;
    std::uint64_t journal_bytes = std::uint64_t{32} << 20;
  } degrade;

  struct Clients {
    std::uint64_t max = 10000;
    std::uint64_t pipeline = 10000;  ///< Requests of one client not yet answered, at most.
    std::uint64_t output_limit = std::uint64_t{128} << 20;  ///< Bytes of replies it left unread.
    std::uint64_t stream_above = std::uint64_t{256} << 10;  ///< Longer replies pass in parts.
    std::uint64_t request_limit = std::uint64_t{1} << 30;   ///< Bytes of one request.
    Milliseconds stall{1000};  ///< How long one reply over output_limit may wait for its reader.
  } clients;

  struct Lanes {
    std::uint64_t max_requests = 100000;                   ///< Queued or in flight, for each lane.
    std::uint64_t max_bytes = std::uint64_t{256} << 20;    ///< The same in bytes.
    std::uint64_t large_request = std::uint64_t{1} << 20;  ///< Bigger ones take a pinned lane.
  } lanes;

  struct Buffers {
    std::uint64_t max_bytes = std::uint64_t{2} << 30;  ///< All buffers of the process together.
  } buffers;

  struct Pinned {
    std::uint64_t max = 64;
    std::uint64_t max_for_life = 16;  ///< MONITOR, CLIENT TRACKING: kept until the client leaves.
    Milliseconds wait{2000};          ///< Longest wait for a free one.
    Milliseconds idle{10000};         ///< A spare one is closed after so long.
  } pinned;

  struct PubSub {
    std::uint64_t subscriptions = 100000;  ///< Of one client.
    GapAction gap = GapAction::close;      ///< For clients that may have missed messages.
    std::uint64_t output_hard = std::uint64_t{32} << 20;  ///< Messages a client has left unread.
    std::uint64_t output_soft = std::uint64_t{8} << 20;   ///< The same, for output_soft_time.
    Milliseconds output_soft_time{60000};
  } pubsub;

  struct Contexts {
    std::uint64_t max = 32;
    Milliseconds idle{60000};  ///< A main lane nobody used for so long is closed.
  } contexts;

  struct Auth {
    Milliseconds cache{60000};  ///< How long an accepted password need not be asked again.
  } auth;

  struct Commands {
    PingMode ping = PingMode::upstream;
    InfoWhenDown info_when_down = InfoWhenDown::last;
    std::vector<std::string> deny;  ///< "flushall", "config|set"; in any case.
  } commands;

  struct Scripts {
    std::uint64_t remember = std::uint64_t{8} << 20;  ///< Bytes of bodies clients have sent.
  } scripts;

  struct Admin {
    std::string listen = "127.0.0.1:9380";  ///< HTTP: health and metrics. "off": none.
  } admin;

  struct Health {
    Readiness readiness = Readiness::self;
  } health;

  struct Log {
    LogLevelSetting level = LogLevelSetting::info;
    LogFormatSetting format = LogFormatSetting::automatic;
  } log;

  struct Drain {
    Milliseconds min{0};      ///< Keep accepting so long after SIGTERM.
    Milliseconds max{10000};  ///< Then be gone within so long.
  } drain;

  struct Cache {
    std::string channel = "cache:invalidate";  ///< Empty: no message is performed.
    std::string prefix = "__hawser__:";        ///< Of the keys that are hawser's own.
    Milliseconds timeout{60000};               ///< Of one invalidation, all batches together.
    std::uint64_t batch = 500;                 ///< Keys deleted at once.
    Milliseconds wait{1000};                   ///< For a leased key to be filled by another.
    InvalidateWhenDown invalidate_when_down = InvalidateWhenDown::error;
    std::uint64_t journal_tags = 10000;  ///< Queued while Redis is away, at most.
    Milliseconds sweep{600000};          ///< From one look through the indexes to the next.
    std::vector<CacheRule> rules;        ///< From the file only; in its order.
  } cache;
};

}  // namespace hawser::config
