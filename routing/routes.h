// From database to routes: the published Topology, the last shortest paths over it, and the
// difference that a new run makes.
#pragma once

#include "routing/lsdb.h"
#include "routing/node.h"
#include "routing/spf.h"
#include "routing/topology.h"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace amqmesh::routing {

/// All routers of self's connected component, in mesh-wide equal order; `version` is left 0.
Topology build_topology(const Lsdb& lsdb, RouterId self);

class Routes {
  public:
    struct Route {
        std::uint32_t cost = 0;
        /// One per preference (routing/spf.h), or a single one; valid until the next run.
        std::span<const AdjacencyId> next_hops;
    };

    explicit Routes(std::uint32_t max_paths) : max_paths_(max_paths) {}

    /// What a change does to distances and paths.
    struct Relevance {
        bool run = false;   ///< everything has to be computed anew
        RouterId from = 0;  ///< or only choices among equal paths, from this router on; 0: none
    };

    /// By the last run's (ROUTING 1.5, filters b and c). A change of one link costs O(its ends'
    /// links); of several at once, the answer may be a needless run. What counts is the last
    /// answer since run() or update_topology(). REQUIRES: none since then asked for a run.
    [[nodiscard]] Relevance relevance(const GraphChange& change);

    /// Takes the new graph without running; only choices from that router on are made again.
    void update_topology(const Lsdb& lsdb, RouterId self, RouterId from, Effects& effects);

    /// Recomputes everything and appends what changed.
    void run(const Lsdb& lsdb, RouterId self, Effects& effects);

    /// Nothing: unknown, unreachable, or ourselves.
    [[nodiscard]] std::optional<Route> find(RouterId rid) const;

    /// Calls `visit(RouterId, const Route&)` for each router that is reached, ascending by id.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (std::uint32_t i = 0; topology_ && i < topology_->ids.size(); ++i) {
            if (const auto route = at(i)) {
                visit(topology_->ids[i], *route);
            }
        }
    }

    [[nodiscard]] const Topology* topology() const { return topology_.get(); }

    [[nodiscard]] std::uint64_t version() const { return version_; }

  private:
    void publish(Topology topology, Effects& effects);
    void compute(Topology topology, Effects& effects);
    [[nodiscard]] std::optional<Route> at(std::uint32_t index) const;
    [[nodiscard]] std::uint32_t distance(std::uint32_t index) const;
    [[nodiscard]] bool crossable(RouterId rid) const;
    [[nodiscard]] Relevance relevance_of(const GraphChange& change, bool alone) const;
    [[nodiscard]] Relevance relevance_of(const EdgeChange& edge, bool several) const;
    [[nodiscard]] bool replaceable(std::uint32_t near, std::uint32_t far, Cost cost) const;
    void choose_again(RouterId from, Effects& effects);

    std::uint32_t max_paths_;
    std::uint64_t version_ = 0;
    std::shared_ptr<const Topology> topology_;
    Spf spf_;  // over topology_: the routes, as they were told
    // Changes since then: some, and one that others must not be judged beside.
    bool changed_ = false;
    bool changed_alone_ = false;
};

}  // namespace amqmesh::routing
