#pragma once

#include <string>

namespace hawser {

/// 16 random digits: a name nobody else has.
std::string random_hex();

}  // namespace hawser
