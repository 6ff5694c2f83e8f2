#include "routing/spf.h"

#include "routing/assert.h"

#include <algorithm>
#include <functional>

namespace amqmesh::routing {

namespace {

// Heap of (distance, index) packed into one word, so that a comparison is one instruction.
class Frontier {
  public:
    void push(std::uint32_t distance, std::uint32_t index) {
        heap_.push_back((std::uint64_t{distance} << 32U) | index);
        std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }

    std::uint64_t pop() {
        std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
        const std::uint64_t top = heap_.back();
        heap_.pop_back();
        return top;
    }

    [[nodiscard]] bool empty() const { return heap_.empty(); }

  private:
    std::vector<std::uint64_t> heap_;
};

// Calls on_edge(from, edge, shorter) for each edge that makes a shorter path or an equal one.
template <typename OnEdge>
void run_dijkstra(const Topology& topology,
                  std::uint32_t source,
                  std::vector<std::uint32_t>& distance,
                  OnEdge on_edge) {
    distance.assign(topology.ids.size(), kUnreachable);
    distance[source] = 0;
    Frontier frontier;
    frontier.push(0, source);
    while (!frontier.empty()) {
        const std::uint64_t top = frontier.pop();
        const auto index = static_cast<std::uint32_t>(top);
        const auto reached = static_cast<std::uint32_t>(top >> 32U);
        if (reached != distance[index] || (topology.no_transit[index] && index != source)) {
            continue;
        }
        for (std::uint32_t e = topology.first[index]; e < topology.first[index + 1]; ++e) {
            const Topology::Edge& edge = topology.edges[e];
            const std::uint32_t candidate = reached + edge.cost;
            if (candidate > distance[edge.to]) {
                continue;
            }
            const bool shorter = candidate < distance[edge.to];
            if (shorter) {
                distance[edge.to] = candidate;
                frontier.push(candidate, edge.to);
            }
            on_edge(index, edge, shorter);
        }
    }
}

// Lowest `limit` ids of both sorted sets, into the first.
std::uint8_t merge_hops(std::span<AdjacencyId> into,
                        std::uint8_t count,
                        std::span<const AdjacencyId> from) {
    for (const AdjacencyId hop : from) {
        const auto used = into.first(count);
        const auto at = std::lower_bound(used.begin(), used.end(), hop);
        if (at != used.end() && *at == hop) {
            continue;
        }
        const auto position = static_cast<std::size_t>(at - used.begin());
        if (position == into.size()) {
            continue;
        }
        if (count < into.size()) {
            ++count;
        }
        for (std::size_t i = count - std::size_t{1}; i > position; --i) {
            into[i] = into[i - 1];
        }
        into[position] = hop;
    }
    return count;
}

}  // namespace

Spf compute_spf(const Topology& topology, std::uint32_t max_paths) {
    AMQMESH_ASSERT(max_paths >= 1 && max_paths <= 8);
    AMQMESH_ASSERT(topology.self < topology.ids.size());
    const std::size_t n = topology.ids.size();
    Spf spf;
    spf.max_paths = max_paths;
    spf.hops.assign(n * max_paths, 0);
    spf.count.assign(n, 0);
    const auto on_edge = [&](std::uint32_t from, const Topology::Edge& edge, bool shorter) {
        const std::span<AdjacencyId> into =
            std::span(spf.hops).subspan(std::size_t{edge.to} * max_paths, max_paths);
        const std::uint8_t before = shorter ? std::uint8_t{0} : spf.count[edge.to];
        if (from == topology.self) {
            spf.count[edge.to] = merge_hops(into, before, std::span(&edge.adjacency, 1));
        } else {
            spf.count[edge.to] = merge_hops(into, before, spf.next_hops(from));
        }
    };
    run_dijkstra(topology, topology.self, spf.distance, on_edge);
    return spf;
}

std::vector<std::uint32_t> compute_distances(const Topology& topology, std::uint32_t source) {
    std::vector<std::uint32_t> distance;
    run_dijkstra(topology, source, distance, [](std::uint32_t, const Topology::Edge&, bool) {});
    return distance;
}

}  // namespace amqmesh::routing
