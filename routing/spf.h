// Shortest paths from one router over a Topology.
//
// Model: Dijkstra with a binary heap over (distance, index); costs are symmetric and at least 1, so
//        every predecessor on a shortest path is settled before its successor and the sets of first
//        hops can be merged on the way. A NO_TRANSIT router is reached but not expanded.
// One path: of equally short ones all routers prefer the same. Each link has a second length, a
// hash
//        of its two ends, and the sum of these decides; so the way from A to B is the way from B to
//        A. Then, while the news of one link's loss or return spreads, messages can only go round
//        between two neighbours, and the bounce rule stops those (link/choose.cpp): stale routers
//        send along the old tree, and from whoever knows better the way back to them is the same.
//        With local choices, four routers in a square can send them round.
// Cost:  O((n + m) log n), no allocation per router.
#pragma once

#include "routing/topology.h"

#include <cstdint>
#include <span>
#include <vector>

namespace amqmesh::routing {

inline constexpr std::uint32_t kUnreachable = 0xffffffffU;

/// Distances and first hops by router index.
struct Spf {
    std::vector<std::uint32_t> distance;  ///< kUnreachable: no path
    std::uint32_t max_paths = 1;
    std::vector<AdjacencyId> hops;    ///< max_paths entries per router, ascending
    std::vector<std::uint8_t> count;  ///< how many of them are used
    std::vector<std::uint64_t> tie;   ///< with max_paths 1: second length of the chosen path

    [[nodiscard]] std::span<const AdjacencyId> next_hops(std::uint32_t index) const {
        return std::span(hops).subspan(std::size_t{index} * max_paths, count[index]);
    }
};

inline constexpr std::uint32_t kPathsMax = 8;

/// The lowest ids of both ascending sets, as many as `into` has room for; its first `count` are in
/// use. How many are now.
std::uint8_t merge_hops(std::span<AdjacencyId> into,
                        std::uint8_t count,
                        std::span<const AdjacencyId> from);

/// Second length of a link between these routers; the same from both sides.
std::uint64_t tie_of(RouterId a, RouterId b);

/// From topology.self; keeps the `max_paths` (1..8) lowest-numbered equal-cost first hops, or, if
/// it is 1, that of the path which all routers prefer.
Spf compute_spf(const Topology& topology, std::uint32_t max_paths);

/// Distances from any router.
std::vector<std::uint32_t> compute_distances(const Topology& topology, std::uint32_t source);

}  // namespace amqmesh::routing
