// Random topologies for the algorithms' tests.
#pragma once

#include "routing/spf.h"
#include "routing/topology.h"

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

namespace amqmesh::routing {

struct TestEdge {
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    Cost cost = 1;
    AdjacencyId a_adjacency = 0;  ///< number of the connection at either end
    AdjacencyId b_adjacency = 0;
};

struct TestGraph {
    std::uint32_t size = 0;
    std::vector<TestEdge> edges;
    std::vector<bool> no_transit;

    /// As router `self` sees it.
    [[nodiscard]] Topology seen_from(std::uint32_t self) const {
        Topology topology;
        topology.self = self;
        topology.no_transit = no_transit;
        std::vector<std::vector<Topology::Edge>> out(size);
        for (const TestEdge& edge : edges) {
            out[edge.a].push_back({edge.b, edge.cost, edge.a == self ? edge.a_adjacency : 0});
            out[edge.b].push_back({edge.a, edge.cost, edge.b == self ? edge.b_adjacency : 0});
        }
        for (std::uint32_t i = 0; i < size; ++i) {
            topology.ids.push_back(100 + i);
            topology.names.push_back("r" + std::to_string(i));
            topology.incarnations.push_back(1);
            topology.first.push_back(static_cast<std::uint32_t>(topology.edges.size()));
            std::sort(out[i].begin(), out[i].end(), [](const auto& x, const auto& y) {
                return std::tie(x.to, x.cost, x.adjacency) < std::tie(y.to, y.cost, y.adjacency);
            });
            topology.edges.insert(topology.edges.end(), out[i].begin(), out[i].end());
        }
        topology.first.push_back(static_cast<std::uint32_t>(topology.edges.size()));
        return topology;
    }
};

/// Parallel links, several components and NO_TRANSIT routers included.
inline TestGraph random_test_graph(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    TestGraph graph;
    graph.size = static_cast<std::uint32_t>(random() % 14 + 1);
    const std::uint64_t edges = graph.size < 2 ? 0 : random() % (3 * graph.size);
    const Cost costs = random() % 2 == 0 ? 1 : 6;
    std::vector<AdjacencyId> last(graph.size, 0);
    for (std::uint64_t i = 0; i < edges; ++i) {
        const auto a = static_cast<std::uint32_t>(random() % graph.size);
        const auto b =
            static_cast<std::uint32_t>((a + 1 + random() % (graph.size - 1)) % graph.size);
        const auto cost = static_cast<Cost>(random() % costs + 1);
        graph.edges.push_back({a, b, cost, ++last[a], ++last[b]});
    }
    for (std::uint32_t i = 0; i < graph.size; ++i) {
        graph.no_transit.push_back(random() % 6 == 0);
    }
    return graph;
}

/// Plain Bellman-Ford, as a second opinion.
inline std::vector<std::uint32_t> brute_force(const TestGraph& graph, std::uint32_t from) {
    std::vector<std::uint32_t> distance(graph.size, kUnreachable);
    distance[from] = 0;
    for (bool changed = true; changed;) {
        changed = false;
        const auto relax = [&](std::uint32_t a, std::uint32_t b, Cost cost) {
            if (distance[a] != kUnreachable && (a == from || !graph.no_transit[a]) &&
                distance[a] + cost < distance[b]) {
                distance[b] = distance[a] + cost;
                changed = true;
            }
        };
        for (const TestEdge& edge : graph.edges) {
            relax(edge.a, edge.b, edge.cost);
            relax(edge.b, edge.a, edge.cost);
        }
    }
    return distance;
}

}  // namespace amqmesh::routing
