// The router graph as one immutable value, for whoever needs more than the next hop.
#pragma once

#include "routing/types.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace amqmesh::routing {

/// Routers and two-way links at one moment, in dense indices. Immutable once published; shared
/// between threads by `shared_ptr<const Topology>`.
struct Topology {
    struct Edge {
        std::uint32_t to = 0;       ///< router index
        Cost cost = 1;              ///< max of both sides' advertised cost
        AdjacencyId adjacency = 0;  ///< our own connection, when the edge leaves `self`; else 0
    };

    std::uint64_t version = 0;       ///< rises with every published change on this node
    std::uint64_t digest = 0;        ///< equal on all routers that have the same graph
    std::uint32_t self = 0;          ///< own index
    std::uint32_t preferences = 1;   ///< among equal paths (routing/spf.h), as configured here
    std::vector<RouterId> ids;       ///< by index, ascending: the index order is mesh-wide equal
    std::vector<std::string> names;  ///< by index
    std::vector<std::uint64_t> incarnations;  ///< by index: which life of that router this is
    std::vector<bool> no_transit;             ///< by index: reached, but never expanded
    std::vector<std::uint32_t> first;  ///< CSR: edges of router i are edges[first[i]..first[i+1])
    std::vector<Edge> edges;           ///< per router ascending by (to, cost, adjacency)

    /// Our cheapest connection to a neighbour; nothing: there is none.
    [[nodiscard]] std::optional<AdjacencyId> adjacency_to(std::uint32_t neighbour) const;
    /// Index of a router, or `npos`.
    [[nodiscard]] std::uint32_t index_of(RouterId id) const;
    static constexpr std::uint32_t npos = 0xffffffffU;
};

/// Where copies of a multicast delivery go that entered the mesh at `origin` (ROUTING.md 1.7): the
/// shortest-path tree of the origin, seen from this router. Every router with an equal Topology
/// computes the same tree (lowest parent index on ties).
struct MulticastTree {
    /// Per destination index: which of my children leads there, or -1 (not below me).
    std::vector<std::int16_t> branch;
    /// My children in the tree, as adjacencies (the first of equals).
    std::vector<AdjacencyId> children;
    /// The same by router index, for whoever looks at an older graph: links may have come back
    /// under another number since.
    std::vector<std::uint32_t> routers;
};

/// Parent of each router in the origin's tree, by index; npos: the origin itself, or unreachable.
std::vector<std::uint32_t> compute_tree_parents(const Topology& topology, RouterId origin);

/// O((n + m) log n). An origin that is unknown or unreachable gives a tree without children.
MulticastTree compute_multicast_tree(const Topology& topology, RouterId origin);

}  // namespace amqmesh::routing
