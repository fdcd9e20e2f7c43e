#include "proxy/traffic/circuit_events.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace hawser {

std::string to_json(const CircuitState& state) {
  using namespace std::chrono;
  const auto whole = duration_cast<milliseconds>(state.since.time_since_epoch()).count();
  const std::time_t seconds = whole / 1000;
  std::tm parts{};
  (void)::gmtime_r(&seconds, &parts);
  std::array<char, 32> time{};
  const std::size_t length = std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> millis{};
  (void)std::snprintf(millis.data(), millis.size(), ".%03dZ", static_cast<int>(whole % 1000));
  // State and reason are constants without anything to escape.
  std::string out = "{\"state\":\"";
  out += state.state;
  out += "\",\"reason\":\"";
  out += state.reason;
  out += "\",\"time\":\"";
  out.append(time.data(), length);
  out += millis.data();
  return out += "\"}";
}

}  // namespace hawser
