#pragma once

#include <string_view>

namespace hawser {

/// Tells the service manager a state ("READY=1", "STOPPING=1") through $NOTIFY_SOCKET, as
/// sd_notify(3) does; does nothing where there is none.
void notify_supervisor(std::string_view state);

}  // namespace hawser
