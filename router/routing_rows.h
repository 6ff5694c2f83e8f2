// Rows of the routing core's own entities: what the reference has no words for. Pure functions.
#pragma once

#include "mgmt/schema.h"
#include "router/management_rows.h"
#include "router/node_driver.h"
#include "router/snapshots.h"
#include "routing/views.h"

#include <vector>

namespace amqmesh::router {

/// One per inter-router connection. `parts` with connections, which `node` knows by adjacency.
std::vector<mgmt::Row> adjacency_rows(const NodeDriver& node,
                                      const Snapshots::Parts& parts,
                                      const RowTimes& times);
/// What the core has done so far: one row.
mgmt::Row routing_row(const routing::NodeView& view,
                      const NodeDriver::SpfTimes& spf,
                      const RowTimes& times);
/// Flags of a router's link state, in words; empty: none.
mgmt::List link_state_flags(std::uint32_t flags);

}  // namespace amqmesh::router
