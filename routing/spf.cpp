#include "routing/spf.h"

#include "routing/assert.h"
#include "routing/choose_again.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <set>
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

namespace {

// Both preferences of a pair share it.
std::int64_t tie_of_pair(RouterId a, RouterId b, std::uint32_t pair) {
    const std::uint64_t salt = 0x9e3779b97f4a7c15ULL * (2 * pair + std::uint64_t{1});
    std::uint64_t mixed = ((a + b) * salt) ^ (a ^ b);
    mixed = (mixed ^ (mixed >> 32U)) * 0xd6e8feb86659fd93ULL;
    mixed ^= mixed >> 32U;
    constexpr std::int64_t kHalf = std::int64_t{1} << 43U;  // a million of them fit into a sum
    return static_cast<std::int64_t>(mixed >> 20U) - kHalf;
}

// Connections in parallel are alike to every preference; they share the flows.
AdjacencyId own_link(const Topology& topology,
                     std::uint32_t to,
                     Cost cost,
                     std::uint32_t preference) {
    const auto own = std::span(topology.edges)
                         .subspan(topology.first[topology.self],
                                  topology.first[topology.self + std::size_t{1}] -
                                      topology.first[topology.self]);
    // Not std::ranges::equal_range: it returns a subrange, which clang 14 cannot compile.
    const std::pair wanted(to, cost);
    const auto key = [](const Topology::Edge& edge) { return std::pair(edge.to, edge.cost); };
    const auto first = std::ranges::lower_bound(own, wanted, {}, key);
    const auto last = std::ranges::upper_bound(own, wanted, {}, key);
    return first[(preference + preference / 2) % (last - first)].adjacency;
}

Spf compute_from(const Topology& topology, std::uint32_t source, std::uint32_t max_paths) {
    AMQMESH_ASSERT(max_paths >= 1 && max_paths <= kPathsMax);
    AMQMESH_ASSERT(source < topology.ids.size());
    const std::size_t n = topology.ids.size();
    Spf spf;
    spf.max_paths = max_paths;
    spf.hops.assign(n * max_paths, 0);
    spf.ties.assign(n * max_paths, 0);
    const auto on_edge = [&](std::uint32_t from, const Topology::Edge& edge, bool shorter) {
        const std::size_t near = std::size_t{from} * max_paths;
        const std::size_t far = std::size_t{edge.to} * max_paths;
        std::int64_t length = 0;
        for (std::uint32_t p = 0; p < max_paths; ++p) {
            length = p % 2 == 0 ? tie_of_pair(topology.ids[from], topology.ids[edge.to], p / 2)
                                : -length;
            const std::int64_t tie = spf.ties[near + p] + length;
            if (shorter || tie < spf.ties[far + p]) {
                spf.ties[far + p] = tie;
                spf.hops[far + p] = from == topology.self
                                        ? own_link(topology, edge.to, edge.cost, p)
                                        : spf.hops[near + p];
            }
        }
    };
    run_dijkstra(topology, source, spf.distance, on_edge);
    return spf;
}

}  // namespace

std::int64_t tie_of(RouterId a, RouterId b, std::uint32_t preference) {
    const std::int64_t tie = tie_of_pair(a, b, preference / 2);
    return preference % 2 == 0 ? tie : -tie;
}

std::span<const AdjacencyId> Spf::next_hops(std::uint32_t index) const {
    const auto all = std::span(hops).subspan(std::size_t{index} * max_paths, max_paths);
    if (distance[index] == 0 || distance[index] == kUnreachable) {
        return {};
    }
    const bool same = std::ranges::all_of(all, [&](AdjacencyId hop) { return hop == all.front(); });
    return all.first(same ? 1 : all.size());
}

Spf compute_spf(const Topology& topology, std::uint32_t max_paths) {
    return compute_from(topology, topology.self, max_paths);
}

Spf compute_spf_from(const Topology& topology, std::uint32_t source) {
    return compute_from(topology, source, topology.preferences);
}

namespace {

// Its preferred paths by those of the routers before it. True: something changed.
bool choose_again(const Topology& topology, Spf& spf, std::uint32_t index) {
    bool changed = false;
    const std::size_t far = std::size_t{index} * spf.max_paths;
    for (std::uint32_t p = 0; p < spf.max_paths; ++p) {
        std::int64_t best = std::numeric_limits<std::int64_t>::max();
        AdjacencyId hop = 0;
        for (std::uint32_t e = topology.first[index]; e < topology.first[index + 1]; ++e) {
            const Topology::Edge& edge = topology.edges[e];
            const bool own = edge.to == topology.self;
            if ((topology.no_transit[edge.to] && !own) || spf.distance[edge.to] == kUnreachable ||
                spf.distance[edge.to] + edge.cost != spf.distance[index]) {
                continue;
            }
            const std::int64_t tie =
                spf.ties_of(edge.to)[p] + tie_of(topology.ids[edge.to], topology.ids[index], p);
            if (tie < best) {
                best = tie;
                hop = own ? own_link(topology, index, edge.cost, p)
                          : spf.hops[std::size_t{edge.to} * spf.max_paths + p];
            }
        }
        AMQMESH_ASSERT(hop != 0);
        changed = changed || spf.ties[far + p] != best || spf.hops[far + p] != hop;
        spf.ties[far + p] = best;
        spf.hops[far + p] = hop;
    }
    return changed;
}

}  // namespace

std::vector<std::uint32_t> choose_again_from(const Topology& topology,
                                             Spf& spf,
                                             std::uint32_t start) {
    using Entry = std::pair<std::uint32_t, std::uint32_t>;  // distance, index
    std::vector<std::uint32_t> changed;
    std::set<Entry> queue = {{spf.distance[start], start}};
    while (!queue.empty()) {
        const std::uint32_t index = queue.begin()->second;
        queue.erase(queue.begin());
        if (!choose_again(topology, spf, index)) {
            continue;
        }
        changed.push_back(index);
        for (std::uint32_t e = topology.first[index];
             !topology.no_transit[index] && e < topology.first[index + 1];
             ++e) {
            const Topology::Edge& edge = topology.edges[e];
            if (spf.distance[index] + edge.cost == spf.distance[edge.to]) {
                queue.emplace(spf.distance[edge.to], edge.to);
            }
        }
    }
    return changed;
}

std::vector<std::uint32_t> compute_distances(const Topology& topology, std::uint32_t source) {
    std::vector<std::uint32_t> distance;
    run_dijkstra(topology, source, distance, [](std::uint32_t, const Topology::Edge&, bool) {});
    return distance;
}

}  // namespace amqmesh::routing
