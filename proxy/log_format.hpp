#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "proxy/log.hpp"

namespace hawser {

// How a log line looks. Pure functions, usable from any thread; each appends to `out`.

/// "trace", "debug", "info", "warn" or "error".
std::string_view log_level_name(LogLevel level);

/// UTC with milliseconds, RFC 3339: 2026-11-21T04:00:00.123Z.
void append_timestamp(std::string& out, std::chrono::system_clock::time_point time);

/// `text` as a JSON string with its quotes. Control characters are escaped, bytes that are no
/// UTF-8 become U+FFFD: whatever comes in, valid JSON goes out.
void append_json_string(std::string& out, std::string_view text);

/// One JSON object with the keys ts, level, msg and then the fields, without a line end.
void append_json_line(std::string& out, std::chrono::system_clock::time_point time, LogLevel level,
                      std::string_view message, std::span<const LogField> fields);

/// `2026-11-21T04:00:00.123Z info  message key=value key="a value"`, without a line end. Whatever
/// the message and values hold, the result is a single line that does nothing to a terminal.
void append_text_line(std::string& out, std::chrono::system_clock::time_point time, LogLevel level,
                      std::string_view message, std::span<const LogField> fields);

}  // namespace hawser
