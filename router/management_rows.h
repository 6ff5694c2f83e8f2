// Rows of the operational entities, made from snapshots and views. Pure functions.
#pragma once

#include "mgmt/agent.h"
#include "mgmt/schema.h"
#include "router/configuration.h"
#include "router/snapshots.h"
#include "routing/forwarding_table.h"
#include "routing/views.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace amqmesh::router {

/// Clocks that rows are made with.
struct RowTimes {
    routing::Time now = 0;
    routing::Time started = 0;
    std::uint64_t wall_clock_ms = 0;  ///< at `started`
};

/// The `index` of each row of router.node: the place of its router in lists by router. Nothing on a
/// standalone node.
class RouterNumbers {
  public:
    RouterNumbers() = default;
    explicit RouterNumbers(const routing::NodeView& view);

    [[nodiscard]] bool empty() const { return numbers_.empty(); }

    [[nodiscard]] routing::RouterId self() const { return self_; }

    /// What is counted for each router in order; zeros at the end are left out, and routers that
    /// are not reachable.
    template <typename Counts, typename Router, typename Number>
    [[nodiscard]] mgmt::List list(const Counts& counts, Router router, Number number) const {
        mgmt::List list;
        for (const auto& count : counts) {
            const auto place = numbers_.find(router(count));
            if (place != numbers_.end()) {
                list.resize(std::max(list.size(), place->second + 1), mgmt::Value{0U});
                list[place->second] = mgmt::Value{number(count)};
            }
        }
        return list;
    }

  private:
    std::unordered_map<routing::RouterId, std::size_t> numbers_;
    routing::RouterId self_ = 0;
};

std::vector<mgmt::Row> link_rows(const Snapshots::Parts& parts,
                                 const RouterNumbers& routers,
                                 mgmt::Page page);
/// In the order in which they came.
std::vector<mgmt::Row> connection_rows(const Snapshots::Parts& parts,
                                       const RowTimes& times,
                                       const mgmt::Page& page);

/// Addresses of one moment, in the order of their keys; rows are made of a page at a time.
class AddressesTaken {
  public:
    AddressesTaken(const Snapshots::Parts& parts,
                   RouterNumbers routers,
                   std::shared_ptr<const routing::ForwardingTable> table);

    [[nodiscard]] std::size_t count() const { return in_order_.size(); }

    [[nodiscard]] std::vector<mgmt::Row> rows(const mgmt::Page& page) const;

    // Sums of what workers count apart.
    using CountersByHash = std::unordered_map<routing::AddressHash, link::AddressCounters>;
    using TowardsByHash =
        std::unordered_map<routing::AddressHash, std::map<routing::RouterId, std::uint64_t>>;

  private:
    RouterNumbers routers_;
    std::shared_ptr<const routing::ForwardingTable> table_;
    std::vector<const routing::AddressRoute*> in_order_;  // the table's
    CountersByHash sums_;
    TowardsByHash towards_;
};

std::vector<mgmt::Row> node_rows(const routing::NodeView& view,
                                 const routing::ForwardingTable& table,
                                 const RowTimes& times);
mgmt::Row router_row(const Snapshots::Parts& parts,
                     const routing::ForwardingTable& table,
                     const Configuration& configuration,
                     std::size_t other_routers,
                     const RowTimes& times);
/// Nothing is refused by policy, but the reference's tools want the row.
mgmt::Row policy_row(const Snapshots::Parts& parts, std::uint64_t connections_ever);
/// Lines written by each module of the log since the start.
std::vector<mgmt::Row> log_stats_rows();

}  // namespace amqmesh::router
