#include "proxy/log.hpp"

#include <poll.h>
#include <pthread.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <span>

#include "proxy/log_format.hpp"

namespace hawser {
namespace {

using std::chrono::steady_clock;

/// Lines waiting for stderr, at most; spdlog keeps some 400 bytes for each.
constexpr std::size_t kQueueLines = 4096;
/// How long the last lines may wait for a stderr that takes nothing while the process ends.
constexpr std::chrono::milliseconds kFlushTime(1000);
/// How often a writer that waits for stderr looks whether the process ends.
constexpr int kPollMillis = 100;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

bool use_json(LogFormat format) {
  if (format == LogFormat::automatic) return ::isatty(STDERR_FILENO) == 0;
  return format == LogFormat::json;
}

/// Writes finished lines to stderr. Belongs to the logger; log() runs on its one thread. A stderr
/// whose reader stands still (a full pipe, a stopped terminal) holds up that thread only, and the
/// end of the process by no more than kFlushTime: therefore poll() before each write, of no more
/// than a pipe then takes at once. stderr is shared with others and stays in blocking mode.
class StderrSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    std::string_view rest(message.payload.data(), message.payload.size());
    while (!rest.empty()) {
      if (!wait_writable()) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      const std::size_t size = std::min<std::size_t>(rest.size(), PIPE_BUF);
      const ::ssize_t written = ::write(STDERR_FILENO, rest.data(), size);
      if (written >= 0) {
        rest.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno != EINTR && errno != EAGAIN) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
    }
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  /// From any thread: what is not written kFlushTime from now is given up.
  void finish() {
    deadline_.store((steady_clock::now() + kFlushTime).time_since_epoch().count(),
                    std::memory_order_relaxed);
  }
  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  bool wait_writable() const {
    ::pollfd descriptor{STDERR_FILENO, POLLOUT, 0};
    while (true) {
      const auto deadline = deadline_.load(std::memory_order_relaxed);
      const bool late = deadline != 0 && steady_clock::now().time_since_epoch().count() >= deadline;
      const int ready = ::poll(&descriptor, 1, late ? 0 : kPollMillis);
      if (ready > 0) return true;  // also on errors: write() tells which
      if (late || (ready < 0 && errno != EINTR)) return false;
    }
  }

  std::atomic<std::uint64_t> lost_{0};
  std::atomic<steady_clock::rep> deadline_{0};
};

/// The log thread takes no signals: those of the process are for the main thread, and a stderr
/// that was closed shall be an error of write(), not a SIGPIPE.
void block_signals() {
  ::sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

struct Logger::Impl {
  Impl(LogLevel level, LogFormat format)
      : json(use_json(format)),
        sink(std::make_shared<StderrSink>()),
        pool(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1, block_signals)),
        logger(std::make_shared<spdlog::async_logger>(
            "hawser", sink, pool, spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_level(to_spdlog(level));
    // The default handler would print to stderr past this log.
    logger->set_error_handler(
        [this](const std::string&) { failed.fetch_add(1, std::memory_order_relaxed); });
  }

  std::atomic<std::uint64_t> failed{0};
  bool json;
  std::shared_ptr<StderrSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

Logger::Logger(LogLevel level, LogFormat format) : impl_(std::make_unique<Impl>(level, format)) {}

Logger::~Logger() {
  impl_->sink->finish();
  impl_->pool.reset();  // writes what is queued, then ends the thread
}

void Logger::log(LogLevel level, std::string_view message, Fields fields) {
  const spdlog::level::level_enum spdlog_level = to_spdlog(level);
  if (!impl_->logger->should_log(spdlog_level)) return;
  // The fields are views into the caller's memory, so the line is made here.
  std::string line;
  line.reserve(256);
  const auto now = std::chrono::system_clock::now();
  const std::span<const LogField> span(fields.begin(), fields.size());
  if (impl_->json) {
    append_json_line(line, now, level, message, span);
  } else {
    append_text_line(line, now, level, message, span);
  }
  line += '\n';
  impl_->logger->log(spdlog_level, spdlog::string_view_t(line.data(), line.size()));
}

void Logger::set_level(LogLevel level) {
  impl_->logger->set_level(to_spdlog(level));
}

std::uint64_t Logger::dropped() const {
  return impl_->pool->overrun_counter() + impl_->sink->lost() +
         impl_->failed.load(std::memory_order_relaxed);
}

bool RateLimit::allow(std::chrono::steady_clock::time_point now, std::uint64_t& suppressed) {
  if (now < next_) {
    ++held_;
    return false;
  }
  suppressed = held_;
  held_ = 0;
  next_ = now + interval_;
  return true;
}

}  // namespace hawser
