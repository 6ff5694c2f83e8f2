// Rows of the operational entities, made from snapshots and views. Pure functions.
#pragma once

#include "mgmt/agent.h"
#include "mgmt/schema.h"
#include "router/configuration.h"
#include "router/snapshots.h"
#include "routing/forwarding_table.h"
#include "routing/views.h"

#include <cstdint>
#include <vector>

namespace amqmesh::router {

/// Clocks that rows are made with.
struct RowTimes {
    routing::Time now = 0;
    routing::Time started = 0;
    std::uint64_t wall_clock_ms = 0;  ///< at `started`
};

std::vector<mgmt::Row> link_rows(const Snapshots::Parts& parts, mgmt::Page page);
std::vector<mgmt::Row> connection_rows(const Snapshots::Parts& parts, const RowTimes& times);
std::vector<mgmt::Row> address_rows(const Snapshots::Parts& parts,
                                    const routing::ForwardingTable& table);
std::vector<mgmt::Row> node_rows(const routing::NodeView& view,
                                 const routing::ForwardingTable& table,
                                 const RowTimes& times);
mgmt::Row router_row(const Snapshots::Parts& parts,
                     const routing::ForwardingTable& table,
                     const Configuration& configuration,
                     std::size_t other_routers,
                     const RowTimes& times);
/// Nothing is refused by policy, but the reference's tools want the row.
mgmt::Row policy_row(const Snapshots::Parts& parts);

}  // namespace amqmesh::router
