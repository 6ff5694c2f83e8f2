#include "routing/detour.h"

#include <algorithm>
#include <array>
#include <compare>
#include <span>

namespace amqmesh::routing {

namespace {

// A preferred path, as far as it can be told from its lengths: the second one is a hash.
struct Lengths {
    std::uint32_t distance = kUnreachable;
    std::int64_t tie = 0;

    auto operator<=>(const Lengths&) const = default;
};

Lengths lengths_of(const Topology& topology,
                   const Spf& spf,
                   RouterId router,
                   std::uint32_t preference) {
    const std::uint32_t index = topology.index_of(router);
    if (index == Topology::npos) {
        return {};
    }
    return {spf.distance[index], spf.ties_of(index)[preference]};
}

std::span<const Topology::Edge> edges_of(const Topology& topology, std::uint32_t index) {
    return std::span(topology.edges)
        .subspan(topology.first[index],
                 topology.first[index + std::size_t{1}] - topology.first[index]);
}

}  // namespace

// Links and costs are alike in both directions, so the paths from the target are those to it.
// REQUIRES: valid until the next call that finds no room.
const Spf& Detours::paths(const Topology& topology, RouterId target) {
    auto [entry, fresh] = known_.try_emplace({topology.digest, target});
    if (fresh) {
        entry->second = compute_spf_from(topology, topology.index_of(target));
    }
    return entry->second;
}

// Whether by this graph the sender's preferred path leads over us.
bool Detours::came_over_us(const Topology& topology,
                           const Spf& spf,
                           RouterId us,
                           RouterId sender,
                           std::uint32_t preference) const {
    const std::uint32_t here = topology.index_of(us);
    const std::uint32_t there = topology.index_of(sender);
    if (here == Topology::npos || there == Topology::npos || topology.no_transit[here] ||
        spf.distance[here] == kUnreachable) {
        return false;
    }
    const auto edges = edges_of(topology, there);
    const auto link =
        std::ranges::find(edges, here, [](const Topology::Edge& edge) { return edge.to; });
    return link != edges.end() && spf.distance[here] + link->cost == spf.distance[there] &&
           spf.ties_of(here)[preference] + tie_of(us, sender, preference) ==
               spf.ties_of(there)[preference];
}

Detour Detours::find(const TopologyHistory& history,
                     RouterId target,
                     RouterId sender,
                     std::uint64_t flow) {
    if (known_.size() + TopologyHistory::kVersions > kKnownMax) {
        known_.clear();
    }
    const Topology& current = *history.current();
    const RouterId us = current.ids[current.self];
    const auto preference = static_cast<std::uint32_t>(flow % current.preferences);
    std::array<const Topology*, TopologyHistory::kVersions> graphs{};
    std::array<const Spf*, TopologyHistory::kVersions> spf{};
    std::size_t count = 0;
    bool explained = false;
    for (std::size_t age = 0; age < graphs.size() && !explained; ++age) {
        graphs[age] = history.before(age);
        if (graphs[age] == nullptr || graphs[age]->index_of(target) == Topology::npos) {
            return {};
        }
        spf[age] = &paths(*graphs[age], target);
        explained = age > 0 && came_over_us(*graphs[age], *spf[age], us, sender, preference);
        ++count;
    }
    if (!explained) {
        return {};
    }
    const std::uint32_t end = current.index_of(target);
    Detour best;
    best.back = lengths_of(*graphs[count - 1], *spf[count - 1], sender, preference) <
                lengths_of(current, *spf[0], sender, preference);
    std::uint32_t shortest = kUnreachable;
    for (const Topology::Edge& edge : edges_of(current, current.self)) {
        const RouterId neighbour = current.ids[edge.to];
        const Lengths now = lengths_of(current, *spf[0], neighbour, preference);
        const bool crossed = edge.to == end || !current.no_transit[edge.to];
        if (neighbour == sender || !crossed || now.distance == kUnreachable ||
            now.distance + edge.cost >= shortest) {
            continue;
        }
        bool safe = true;
        for (std::size_t age = 1; age < count; ++age) {
            safe = safe && lengths_of(*graphs[age], *spf[age], neighbour, preference) == now;
        }
        if (safe) {
            shortest = now.distance + edge.cost;
            best.link = edge.adjacency;
        }
    }
    return best;
}

}  // namespace amqmesh::routing
