#pragma once

#include "config/source.hpp"

namespace hawser::config {

/// Reads HAWSER_SECTION_NAME for every row of the table, and the rows' second names. Lists are
/// comma separated. An unknown HAWSER_* is a warning, since orchestrators put such names there
/// without being asked (Kubernetes' service links).
SourceResult read_environment(const Environment& environment);

}  // namespace hawser::config
