// Log settings as management sees them: every module has an entity, whether the file has it or not.
#pragma once

#include "mgmt/agent.h"
#include "router/configuration.h"

#include <vector>

namespace amqmesh::router {

/// What the configuration has, then the modules that follow DEFAULT.
std::vector<mgmt::Row> log_rows(const Configuration& configuration);

/// In force at once, and until the next start or a reload that changes the log. Nothing changes
/// when a level or a file is wrong. Only files that the configuration file names are written to:
/// who may ask management could have the daemon append to any other.
mgmt::Result update_log(Configuration& configuration,
                        const mgmt::Row& current,
                        const mgmt::Row& changes);

}  // namespace amqmesh::router
