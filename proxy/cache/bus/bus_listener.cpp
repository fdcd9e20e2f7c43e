#include "proxy/cache/bus/bus_listener.hpp"

#include "proxy/cache/bus/bus_message.hpp"

namespace hawser {

ChannelVerdict BusListener::on_message(std::uint64_t stream, std::string_view payload) {
  const auto stamp = read_stamp(payload);
  if (!stamp || !is_hawsers_origin(stamp->origin)) return ChannelVerdict::deliver;
  const ChannelVerdict verdict = watch_.on_message(stream, stamp->origin, stamp->sequence);
  if (verdict == ChannelVerdict::repetition) stats_.repeated.add();
  if (verdict == ChannelVerdict::gap) {
    stats_.gaps.add();
    if (on_gap_) on_gap_();
  }
  return verdict;
}

void BusListener::end_stream(std::uint64_t stream, bool lost) {
  watch_.forget(stream);
  if (lost && on_gap_) on_gap_();
}

}  // namespace hawser
