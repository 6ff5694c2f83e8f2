#include "routing/spf.h"

#include "routing/assert.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <utility>

namespace amqmesh::routing {

namespace {

// What is to be settled next: a radix heap of (distance, index) in one word (Ahuja, Mehlhorn,
// Orlin, Tarjan: Faster algorithms for the shortest path problem, 1990). Nothing is pushed below
// what was popped last, so an entry waits in the bucket of the highest bit in which its distance
// differs from that; it moves to lower buckets at most 32 times, and mostly once.
class Frontier {
  public:
    /// REQUIRES: not below the distance popped last.
    void push(std::uint32_t distance, std::uint32_t index) {
        buckets_[bucket_of(distance)].push_back((std::uint64_t{distance} << 32U) | index);
        ++count_;
    }

    /// REQUIRES: not empty.
    std::uint64_t pop() {
        if (buckets_[0].empty()) {
            refill();
        }
        const std::uint64_t top = buckets_[0].back();
        buckets_[0].pop_back();
        --count_;
        return top;
    }

    [[nodiscard]] bool empty() const { return count_ == 0; }

  private:
    [[nodiscard]] std::size_t bucket_of(std::uint32_t distance) const {
        return static_cast<std::size_t>(std::bit_width(distance ^ last_));
    }

    void refill() {
        std::size_t lowest = 1;
        while (buckets_[lowest].empty()) {
            ++lowest;
        }
        const auto moved = std::exchange(buckets_[lowest], {});
        last_ = static_cast<std::uint32_t>(*std::min_element(moved.begin(), moved.end()) >> 32U);
        for (const std::uint64_t entry : moved) {
            buckets_[bucket_of(static_cast<std::uint32_t>(entry >> 32U))].push_back(entry);
        }
    }

    std::array<std::vector<std::uint64_t>, 33> buckets_;
    std::uint32_t last_ = 0;
    std::size_t count_ = 0;
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

}  // namespace

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

std::uint64_t tie_of(RouterId a, RouterId b) {
    std::uint64_t mixed = ((a + b) * 0x9e3779b97f4a7c15ULL) ^ (a ^ b);
    mixed = (mixed ^ (mixed >> 32U)) * 0xd6e8feb86659fd93ULL;
    return (mixed ^ (mixed >> 32U)) >> 20U;  // a million of them fit into a sum
}

namespace {

void compute_single_paths(const Topology& topology, Spf& spf) {
    spf.tie.assign(topology.ids.size(), 0);
    const auto on_edge = [&](std::uint32_t from, const Topology::Edge& edge, bool shorter) {
        const std::uint64_t tie = spf.tie[from] + tie_of(topology.ids[from], topology.ids[edge.to]);
        if (shorter || tie < spf.tie[edge.to]) {
            spf.tie[edge.to] = tie;
            spf.hops[edge.to] = from == topology.self ? edge.adjacency : spf.hops[from];
            spf.count[edge.to] = 1;
        }
    };
    run_dijkstra(topology, topology.self, spf.distance, on_edge);
}

}  // namespace

Spf compute_spf(const Topology& topology, std::uint32_t max_paths) {
    AMQMESH_ASSERT(max_paths >= 1 && max_paths <= kPathsMax);
    AMQMESH_ASSERT(topology.self < topology.ids.size());
    const std::size_t n = topology.ids.size();
    Spf spf;
    spf.max_paths = max_paths;
    spf.hops.assign(n * max_paths, 0);
    spf.count.assign(n, 0);
    if (max_paths == 1) {
        compute_single_paths(topology, spf);
        return spf;
    }
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
