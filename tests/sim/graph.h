// Physical networks to simulate: generators, and `*.edges` files (lines of `u v cost delay_us`).
#pragma once

#include "routing/topology.h"
#include "routing/types.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::sim {

struct GraphEdge {
    std::size_t a = 0;
    std::size_t b = 0;
    routing::Cost cost = 1;
    routing::Time delay = routing::kMillisecond;
};

struct Graph {
    std::string name;
    std::vector<std::string> nodes;
    std::vector<GraphEdge> edges;
};

Graph line(std::size_t n, routing::Time delay = routing::kMillisecond);
Graph ring(std::size_t n, routing::Time delay = routing::kMillisecond);
Graph mesh(std::size_t n, routing::Time delay = routing::kMillisecond);
Graph star(std::size_t n, routing::Time delay = routing::kMillisecond);
Graph grid(std::size_t rows, std::size_t columns, routing::Time delay = routing::kMillisecond);
/// Points in the unit square, linked to their nearest neighbours until connected, average degree
/// about 4; delay by distance, up to 20 ms.
Graph geometric(std::size_t n, std::uint64_t seed);
/// Connected, with `extra` links beyond a random tree; costs 1..10.
Graph random_graph(std::size_t n, std::size_t extra, std::uint64_t seed);

/// As the first router sees it, without names of its links.
routing::Topology as_topology(const Graph& graph);

/// FILE.edges | ring:N | line:N | mesh:N | star:N | grid:RxC | geo:N. Nothing: not understood, and
/// `error` says why.
std::optional<Graph> parse_topology(std::string_view spec, std::string& error);

/// Longest shortest path by delay, over the largest component.
routing::Time diameter(const Graph& graph);

}  // namespace amqmesh::sim
