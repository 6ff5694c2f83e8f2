#include "routing/topology.h"

#include "routing/assert.h"
#include "routing/spf.h"

#include <algorithm>
#include <limits>

namespace amqmesh::routing {

namespace {

// The parent of each router in the tree of distances: the lowest-numbered router that a shortest
// path arrives from. Any choice would do, but all routers must make the same one.
std::vector<std::uint32_t> parents_of(const Topology& topology,
                                      const std::vector<std::uint32_t>& distance,
                                      std::uint32_t source) {
    std::vector<std::uint32_t> parent(topology.ids.size(), Topology::npos);
    for (std::uint32_t from = 0; from < topology.ids.size(); ++from) {
        if (distance[from] == kUnreachable || (topology.no_transit[from] && from != source)) {
            continue;
        }
        for (std::uint32_t e = topology.first[from]; e < topology.first[from + 1]; ++e) {
            const Topology::Edge& edge = topology.edges[e];
            if (parent[edge.to] == Topology::npos && edge.to != source &&
                distance[from] + edge.cost == distance[edge.to]) {
                parent[edge.to] = from;
            }
        }
    }
    return parent;
}

constexpr std::int16_t kUnknownBranch = -2;

}  // namespace

std::uint32_t Topology::index_of(RouterId id) const {
    const auto it = std::lower_bound(ids.begin(), ids.end(), id);
    return it != ids.end() && *it == id ? static_cast<std::uint32_t>(it - ids.begin()) : npos;
}

// Edges are sorted by (to, cost, adjacency): the first one to a neighbour is the cheapest.
std::optional<AdjacencyId> Topology::adjacency_to(std::uint32_t neighbour) const {
    const auto begin = edges.begin() + first[self];
    const auto end = edges.begin() + first[self + std::size_t{1}];
    const auto it = std::lower_bound(
        begin, end, neighbour, [](const Edge& edge, std::uint32_t to) { return edge.to < to; });
    return it != end && it->to == neighbour ? std::optional(it->adjacency) : std::nullopt;
}

std::vector<std::uint32_t> compute_tree_parents(const Topology& topology, RouterId origin) {
    const std::uint32_t source = topology.index_of(origin);
    if (source == Topology::npos) {
        return std::vector<std::uint32_t>(topology.ids.size(), Topology::npos);
    }
    return parents_of(topology, compute_distances(topology, source), source);
}

MulticastTree compute_multicast_tree(const Topology& topology, RouterId origin) {
    MulticastTree tree;
    const std::size_t n = topology.ids.size();
    tree.branch.assign(n, -1);
    const std::uint32_t source = topology.index_of(origin);
    if (source == Topology::npos) {
        return tree;
    }
    const std::vector<std::uint32_t> parent = compute_tree_parents(topology, origin);

    std::vector<std::int16_t>& branch = tree.branch;
    std::fill(branch.begin(), branch.end(), kUnknownBranch);
    branch[source] = -1;
    branch[topology.self] = -1;
    std::vector<std::uint32_t> path;
    for (std::uint32_t i = 0; i < n; ++i) {
        // Walk towards the source until a router whose branch is known; costs O(n) in all, since
        // every router on the way gets its answer.
        std::uint32_t at = i;
        path.clear();
        while (at != Topology::npos && branch[at] == kUnknownBranch &&
               parent[at] != topology.self) {
            path.push_back(at);
            at = parent[at];
        }
        if (at != Topology::npos && branch[at] == kUnknownBranch) {
            AMQMESH_ASSERT(tree.children.size() <
                           static_cast<std::size_t>(std::numeric_limits<std::int16_t>::max()));
            branch[at] = static_cast<std::int16_t>(tree.children.size());
            const auto adjacency = topology.adjacency_to(at);
            AMQMESH_ASSERT(adjacency.has_value());
            tree.children.push_back(*adjacency);
            tree.routers.push_back(at);
        }
        const std::int16_t found = at == Topology::npos ? std::int16_t{-1} : branch[at];
        for (const std::uint32_t below : path) {
            branch[below] = found;
        }
    }
    return tree;
}

}  // namespace amqmesh::routing
