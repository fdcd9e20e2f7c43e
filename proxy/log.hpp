#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace hawser {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };
enum class LogFormat : std::uint8_t { automatic, text, json };

/// One `key=value` of a log line. Keys are snake_case. Never a Redis key or value at info or above.
struct LogField {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <typename Int>
  requires std::is_integral_v<Int> LogField(std::string_view k, Int v)
      : key(k), value(static_cast<std::int64_t>(v)) {}
};

/// The process' log to stderr: asynchronous, never blocks its caller, drops the oldest lines when
/// stderr cannot keep up and counts them. Owned by Server, handed down by reference; usable from
/// any thread.
class Logger {
 public:
  using Fields = std::initializer_list<LogField>;

  /// `automatic` means text on a terminal and JSON otherwise.
  Logger(LogLevel level, LogFormat format);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  void log(LogLevel level, std::string_view message, Fields fields = {});
  void debug(std::string_view message, Fields fields = {}) {
    log(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, Fields fields = {}) { log(LogLevel::info, message, fields); }
  void warn(std::string_view message, Fields fields = {}) { log(LogLevel::warn, message, fields); }
  void error(std::string_view message, Fields fields = {}) {
    log(LogLevel::error, message, fields);
  }

  void set_level(LogLevel level);
  /// Lines lost because stderr did not keep up.
  std::uint64_t dropped() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Lets one kind of message through once per interval and counts what it held back. For errors
/// that an outage repeats. Belongs to one thread.
class RateLimit {
 public:
  explicit RateLimit(std::chrono::steady_clock::duration interval = std::chrono::seconds(10))
      : interval_(interval) {}
  /// Whether to log now; if so, `suppressed` is how many were held back since the last one.
  bool allow(std::chrono::steady_clock::time_point now, std::uint64_t& suppressed);

 private:
  std::chrono::steady_clock::duration interval_;
  std::chrono::steady_clock::time_point next_{};
  std::uint64_t held_ = 0;
};

}  // namespace hawser
