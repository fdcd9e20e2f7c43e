#pragma once

#include <map>
#include <string>
#include <string_view>

#include "protocol/limits.hpp"

namespace hawser {

/// EXEC's reply with some elements (by index) replaced by those given. A reply that is no array, or
/// has no such element, stays as it is. Pure.
std::string splice(std::string_view reply, const std::map<std::size_t, std::string>& elements,
                   const protocol::Limits& limits);

/// One element of an array reply; empty if there is none.
std::string_view element_of(std::string_view reply, std::size_t index,
                            const protocol::Limits& limits);

}  // namespace hawser
