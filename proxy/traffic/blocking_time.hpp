#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "proxy/traffic/request.hpp"

namespace hawser {

/// What a blocking command may take beyond its own time-out before its answer is overdue. Job
/// libraries give their connection up at one second.
inline constexpr std::chrono::milliseconds kBlockingGrace{500};

/// Whether the request may block its connection on purpose: BLPOP and its like, WAIT, XREAD with
/// BLOCK. Pure.
bool is_blocking(const Request& request);

/// How long a blocking request may block by its own time-out argument; zero: for ever, or longer
/// than a century. Nothing if it is not a blocking one, or its time-out is not one that Redis
/// takes.
std::optional<Duration> blocking_time(const Request& request);

/// When a blocking request sent at `now` has to be answered: its own time-out and `grace`, never
/// for time-out 0. Nothing where blocking_time() gives nothing.
std::optional<TimePoint> blocking_deadline(const Request& request, TimePoint now, Duration grace);

/// The same request with another time-out, for what is left of it after some waiting.
/// `whole_seconds`: the server takes no fractions. REQUIRES: blocking_time() gives something.
std::string with_blocking_time(const Request& request, Duration left, bool whole_seconds);

/// Whether it is WAIT or WAITAOF, which ask about the writes of their own connection.
bool is_wait(const Request& request);

}  // namespace hawser
