// From database to routes: the published Topology, the last shortest paths over it, and the
// difference that a new run makes.
#pragma once

#include "routing/lsdb.h"
#include "routing/node.h"
#include "routing/spf.h"
#include "routing/topology.h"

#include <map>
#include <memory>
#include <vector>

namespace amqmesh::routing {

/// All routers of self's connected component, in mesh-wide equal order; `version` is left 0.
Topology build_topology(const Lsdb& lsdb, RouterId self);

class Routes {
  public:
    struct Route {
        std::uint32_t cost = 0;
        std::vector<AdjacencyId> next_hops;  ///< empty: unreachable

        bool operator==(const Route&) const = default;
    };

    explicit Routes(std::uint32_t max_paths) : max_paths_(max_paths) {}

    /// Whether the change can alter any distance or first hop, by the last run's distances
    /// (ROUTING 1.5, filters b and c). O(1) per edge.
    [[nodiscard]] bool relevant(const GraphChange& change) const;

    /// Takes the new graph without running: the change was irrelevant.
    void update_topology(const Lsdb& lsdb, RouterId self, Effects& effects);

    /// Recomputes everything and appends what changed.
    void run(const Lsdb& lsdb, RouterId self, Effects& effects);

    [[nodiscard]] const Route* find(RouterId rid) const;

    [[nodiscard]] const std::map<RouterId, Route>& all() const { return routes_; }

    [[nodiscard]] const Topology* topology() const { return topology_.get(); }

    [[nodiscard]] std::uint64_t version() const { return version_; }

  private:
    void publish(Topology topology, Effects& effects);
    [[nodiscard]] std::uint32_t distance(RouterId rid) const;

    std::uint32_t max_paths_;
    std::uint64_t version_ = 0;
    std::shared_ptr<const Topology> topology_;
    Spf spf_;
    std::map<RouterId, Route> routes_;  // every router that was ever reachable and is still known
};

}  // namespace amqmesh::routing
