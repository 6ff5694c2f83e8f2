// Shortest paths from one router over a Topology.
//
// Model: Dijkstra with a binary heap over (distance, index); costs are symmetric and at least 1, so
//        every predecessor on a shortest path is settled before its successor and first hops can be
//        handed on on the way. A NO_TRANSIT router is reached but not expanded.
// Ties:  of equally short paths all routers prefer the same. Each link has a second length, a hash
//        of its two ends, and the sum of these decides; so the way from A to B is the way from B to
//        A, and each part of it the way between its ends.
// Many:  flows are spread over equally short paths by several such preferences. Each is a hash of
//        its own; of two in a row the second is the first reversed, so that they differ wherever
//        there are two paths. A flow keeps to one preference at all routers (link/choose.cpp).
// Loops: a message is sent on behind the news that its sender goes by, over the same connection;
//        so the routers on its way know more and more, and by one graph it only gets nearer. Each
//        piece of news turns it round once at most (routing/detour.h).
//        Where taking news in takes longer than the way of a message, as on a local network, the
//        routes of one moment count: while the news of one link's loss spreads, those of one
//        preference hardly ever lead round among more than two routers. A router that has heard of
//        it and whose way did not lead over the link has the old way, all of whose routers keep
//        theirs: nothing goes round there. So all in a circle had the link on their way, in the
//        tree of old ways below its nearer end. Who has not heard of it sends up that tree. Who
//        has, and whose new way leads down to a child there, takes the tree's links down, as parts
//        of preferred paths are preferred: the first on it that has not heard sends straight back.
//        What leads aside to another branch is not covered, so this is no proof; the simulator
//        looks for such circles (amqmesh-sim --topology, "lead round"), and the hop limit ends
//        them. With choices made by each router alone, four routers in a square can send messages
//        round.
// Cost:  O((n + m) log n) per preference, no allocation per router.
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
    std::vector<AdjacencyId> hops;   ///< max_paths entries per router; 0: no path, or self
    std::vector<std::int64_t> ties;  ///< second lengths of these paths

    /// One per preference, or a single one if all are the same; none: no path, or self.
    [[nodiscard]] std::span<const AdjacencyId> next_hops(std::uint32_t index) const;

    /// By preference.
    [[nodiscard]] std::span<const std::int64_t> ties_of(std::uint32_t index) const {
        return std::span(ties).subspan(std::size_t{index} * max_paths, max_paths);
    }
};

inline constexpr std::uint32_t kPathsMax = 8;

/// Second length of a link between these routers, by preference; the same from both sides.
std::int64_t tie_of(RouterId a, RouterId b, std::uint32_t preference);

/// From topology.self, by `max_paths` (1..8) preferences.
Spf compute_spf(const Topology& topology, std::uint32_t max_paths);

/// The same from any router and without first hops, by the preferences of the topology. `source`:
/// an index.
Spf compute_spf_from(const Topology& topology, std::uint32_t source);

/// Distances from any router.
std::vector<std::uint32_t> compute_distances(const Topology& topology, std::uint32_t source);

}  // namespace amqmesh::routing
