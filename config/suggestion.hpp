#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hawser::config {

/// The candidate that `word` is most likely a slip of the pen for; empty if none is near enough.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// ", did you mean X?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace hawser::config
