#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proxy/cache/bus/bus_watch.hpp"
#include "proxy/cache/cache_stats.hpp"
#include "proxy/traffic/channel_watch.hpp"

namespace hawser {

/// Watches the bus's channel for repetitions and gaps. Owned by Server; outlives the Hub.
class BusListener final : public ChannelWatch {
 public:
  /// `on_gap` is called when a message is missing, or a subscription to the bus was lost with its
  /// connection: whoever holds something that depends on invalidations can rely on it no more. As
  /// for ChannelWatch's calls, it must not submit requests, nor touch subscribers. May be empty.
  /// REQUIRES: `channel` is not empty.
  BusListener(std::string channel, CacheStats& stats, std::function<void()> on_gap = {})
      : ChannelWatch(std::move(channel)), stats_(stats), on_gap_(std::move(on_gap)) {}

  ChannelVerdict on_message(std::uint64_t stream, std::string_view payload) override;
  void end_stream(std::uint64_t stream, bool lost) override;

 private:
  CacheStats& stats_;
  const std::function<void()> on_gap_;
  BusWatch watch_;
};

}  // namespace hawser
