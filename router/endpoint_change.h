// What a change of a connector's attributes means for the connection it keeps: as little as it has
// to. Pure.
#pragma once

#include "router/configuration.h"

#include <string>
#include <vector>

namespace amqmesh::router {

struct ConnectorChange {
    bool reconnect = false;  ///< to somewhere else, or as somebody else
    bool cost = false;       ///< at once, without a new connection
    bool capacity = false;   ///< for links attached from now on
    /// Attributes that were agreed on in AMQP open: the connection that is up keeps them.
    std::vector<std::string> next_time;
};

ConnectorChange connector_change(const ConnectorConfig& from, const ConnectorConfig& to);

/// What to tell who asked for the change; empty: everything is in force.
std::string describe(const ConnectorChange& change);

}  // namespace amqmesh::router
