// Shortest paths and multicast trees on thousands of random graphs, against brute force.
#include "routing/spf.h"

#include "tests/routing/graphs.h"

#include <gtest/gtest.h>

#include <set>

namespace amqmesh::routing {
namespace {

constexpr std::uint64_t kGraphs = 3000;

// The first hops of all shortest paths, by definition: those links whose far end is nearer by
// exactly the link's cost (and may be crossed, or is the target).
std::set<AdjacencyId> all_first_hops(const TestGraph& graph,
                                     std::uint32_t self,
                                     std::uint32_t target) {
    const std::uint32_t shortest = brute_force(graph, self)[target];
    std::set<AdjacencyId> hops;
    for (const TestEdge& edge : graph.edges) {
        for (const bool forward : {true, false}) {
            const std::uint32_t near = forward ? edge.a : edge.b;
            const std::uint32_t far = forward ? edge.b : edge.a;
            if (near != self || (far != target && graph.no_transit[far])) {
                continue;
            }
            // A rest of the way that came back through self would be no shortest path.
            const std::uint32_t rest = brute_force(graph, far)[target];
            if (rest != kUnreachable && edge.cost + rest == shortest) {
                hops.insert(forward ? edge.a_adjacency : edge.b_adjacency);
            }
        }
    }
    return hops;
}

TEST(Spf, DistancesEqualBruteForce) {
    for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
        const TestGraph graph = random_test_graph(seed);
        const auto self = static_cast<std::uint32_t>(seed % graph.size);
        ASSERT_EQ(compute_spf(graph.seen_from(self), 1).distance, brute_force(graph, self))
            << "seed " << seed;
    }
}

TEST(Spf, KeepsTheLowestOfAllEqualFirstHops) {
    std::size_t several = 0;
    for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
        const TestGraph graph = random_test_graph(seed);
        const auto self = static_cast<std::uint32_t>(seed % graph.size);
        const Topology topology = graph.seen_from(self);
        for (const std::uint32_t max_paths : {1U, 2U, 8U}) {
            const Spf spf = compute_spf(topology, max_paths);
            for (std::uint32_t to = 0; to < graph.size; ++to) {
                if (to == self || spf.distance[to] == kUnreachable) {
                    ASSERT_TRUE(spf.next_hops(to).empty());
                    continue;
                }
                const std::set<AdjacencyId> all = all_first_hops(graph, self, to);
                std::vector<AdjacencyId> wanted(all.begin(), all.end());
                wanted.resize(std::min<std::size_t>(wanted.size(), max_paths));
                const auto hops = spf.next_hops(to);
                ASSERT_EQ(std::vector<AdjacencyId>(hops.begin(), hops.end()), wanted)
                    << "seed " << seed << " to " << to << " paths " << max_paths;
                several += wanted.size() > 1 ? 1U : 0U;
            }
        }
    }
    EXPECT_GT(several, 1000U) << "the graphs have too few equal-cost paths to test anything";
}

TEST(Spf, RouterWithoutTransitIsReachedButNotCrossed) {
    TestGraph graph = {.size = 3, .edges = {{0, 1, 1, 1, 1}, {1, 2, 1, 2, 1}}, .no_transit = {}};
    graph.no_transit = {false, true, false};
    EXPECT_EQ(compute_spf(graph.seen_from(0), 1).distance,
              (std::vector<std::uint32_t>{0, 1, kUnreachable}));
    EXPECT_EQ(compute_spf(graph.seen_from(1), 1).distance, (std::vector<std::uint32_t>{1, 0, 1}));
}

// Copies follow each router's own tree: each reachable router gets exactly one, and `branch` tells
// for every destination which child leads there.
TEST(MulticastTree, ReachesEveryRouterExactlyOnce) {
    for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
        const TestGraph graph = random_test_graph(seed);
        const auto origin = static_cast<std::uint32_t>(seed % graph.size);
        const std::vector<std::uint32_t> reach = brute_force(graph, origin);
        std::vector<std::size_t> copies(graph.size, 0);
        std::vector<std::uint32_t> pending = {origin};
        copies[origin] = 1;
        while (!pending.empty()) {
            const std::uint32_t at = pending.back();
            pending.pop_back();
            const Topology topology = graph.seen_from(at);
            const MulticastTree tree = compute_multicast_tree(topology, 100 + origin);
            for (std::size_t child = 0; child < tree.children.size(); ++child) {
                std::uint32_t next = Topology::npos;
                for (const TestEdge& edge : graph.edges) {
                    if (edge.a == at && edge.a_adjacency == tree.children[child]) {
                        next = edge.b;
                    } else if (edge.b == at && edge.b_adjacency == tree.children[child]) {
                        next = edge.a;
                    }
                }
                ASSERT_NE(next, Topology::npos);
                ASSERT_EQ(tree.branch[next], static_cast<std::int16_t>(child));
                ++copies[next];
                pending.push_back(next);
                ASSERT_LE(copies[next], 1U) << "seed " << seed << " at " << at;
            }
        }
        for (std::uint32_t i = 0; i < graph.size; ++i) {
            ASSERT_EQ(copies[i], reach[i] == kUnreachable ? 0U : 1U) << "seed " << seed;
        }
    }
}

TEST(MulticastTree, UnknownOriginHasNoChildren) {
    const TestGraph graph = random_test_graph(12);
    EXPECT_TRUE(compute_multicast_tree(graph.seen_from(0), 5).children.empty());
}

TEST(Topology, IndexOf) {
    const Topology topology = random_test_graph(3).seen_from(0);
    EXPECT_EQ(topology.index_of(100), 0U);
    EXPECT_EQ(topology.index_of(99), Topology::npos);
    EXPECT_EQ(topology.index_of(5000), Topology::npos);
}

}  // namespace
}  // namespace amqmesh::routing
