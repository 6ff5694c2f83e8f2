// Shortest paths and multicast trees on thousands of random graphs, against brute force.
#include "routing/spf.h"

#include "tests/routing/graphs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

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

// Each preference takes one of the first hops of shortest paths; of two that are opposite each
// other both ways of a fork are used.
TEST(Spf, EveryPreferenceTakesAShortestPath) {
    std::size_t several = 0;
    std::size_t both = 0;
    for (std::uint64_t seed = 0; seed < kGraphs; ++seed) {
        const TestGraph graph = random_test_graph(seed);
        const auto self = static_cast<std::uint32_t>(seed % graph.size);
        const Topology topology = graph.seen_from(self);
        for (const std::uint32_t max_paths : {1U, 2U, 8U}) {
            const Spf spf = compute_spf(topology, max_paths);
            for (std::uint32_t to = 0; to < graph.size; ++to) {
                const auto hops = spf.next_hops(to);
                if (to == self || spf.distance[to] == kUnreachable) {
                    ASSERT_TRUE(hops.empty());
                    continue;
                }
                const std::set<AdjacencyId> all = all_first_hops(graph, self, to);
                const std::set<AdjacencyId> used(hops.begin(), hops.end());
                ASSERT_TRUE(std::ranges::includes(all, used)) << "seed " << seed;
                ASSERT_EQ(hops.size(), used.size() == 1 ? 1U : max_paths) << "seed " << seed;
                several += max_paths > 1 && all.size() > 1 ? 1U : 0U;
                both += used.size() > 1 ? 1U : 0U;
            }
        }
    }
    EXPECT_GT(several, 1000U) << "the graphs have too few equal-cost paths to test anything";
    EXPECT_GT(both, several * 9 / 10);
}

// A square has two ways across it, of which each preference's opposite takes the other one. Of two
// connections in parallel each carries half of the flows.
TEST(Spf, EqualWaysShareTheFlowsEvenly) {
    const TestGraph square = {
        .size = 4,
        .edges = {{0, 1, 1, 1, 1}, {0, 2, 1, 2, 1}, {1, 3, 1, 2, 1}, {2, 3, 1, 2, 2}},
        .no_transit = std::vector<bool>(4, false)};
    const TestGraph pair = {.size = 2,
                            .edges = {{0, 1, 1, 1, 1}, {0, 1, 1, 2, 2}},
                            .no_transit = std::vector<bool>(2, false)};
    for (const auto& [graph, to] : {std::pair(&square, 3U), std::pair(&pair, 1U)}) {
        const Spf spf = compute_spf(graph->seen_from(0), 4);
        const auto hops = spf.next_hops(to);
        EXPECT_EQ(std::ranges::count(hops, 1U), 2);
        EXPECT_EQ(std::ranges::count(hops, 2U), 2);
    }
}

constexpr std::uint32_t kPreferences = 4;

// next[from][to]: the neighbour that messages are sent to by one of four preferences; from itself:
// none.
using NextRouters = std::vector<std::vector<std::uint32_t>>;

NextRouters next_routers(const TestGraph& graph, std::uint32_t preference) {
    NextRouters next(graph.size);
    for (std::uint32_t from = 0; from < graph.size; ++from) {
        const Spf spf = compute_spf(graph.seen_from(from), kPreferences);
        for (std::uint32_t to = 0; to < graph.size; ++to) {
            next[from].push_back(Topology::npos);
            const auto hops = spf.next_hops(to);
            for (const TestEdge& edge : graph.edges) {
                const AdjacencyId hop = hops.empty() ? 0 : hops[preference % hops.size()];
                if (edge.a == from && edge.a_adjacency == hop) {
                    next[from][to] = edge.b;
                } else if (edge.b == from && edge.b_adjacency == hop) {
                    next[from][to] = edge.a;
                }
            }
        }
    }
    return next;
}

std::vector<std::uint32_t> path_of(const NextRouters& next, std::uint32_t from, std::uint32_t to) {
    std::vector<std::uint32_t> path = {from};
    while (path.back() != to && path.size() <= next.size()) {
        path.push_back(next[path.back()][to]);
        if (path.back() == Topology::npos) {
            return {};
        }
    }
    return path;
}

TEST(Spf, TheWayBackIsTheWayThere) {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        TestGraph graph = random_test_graph(seed);
        graph.no_transit.assign(graph.size, false);
        const NextRouters next = next_routers(graph, seed % kPreferences);
        for (std::uint32_t a = 0; a < graph.size; ++a) {
            for (std::uint32_t b = a + 1; b < graph.size; ++b) {
                std::vector<std::uint32_t> back = path_of(next, b, a);
                std::reverse(back.begin(), back.end());
                ASSERT_EQ(path_of(next, a, b), back) << "seed " << seed;
            }
        }
    }
}

// How many routers a message for `to` passes again and again when those in `fresh` go by the new
// routes and the others by the old ones; 0: none. What would go straight back waits instead.
std::size_t circle(const NextRouters& old_routes,
                   const NextRouters& new_routes,
                   std::uint32_t fresh,
                   std::uint32_t from,
                   std::uint32_t to) {
    std::uint32_t before = Topology::npos;
    for (std::size_t hops = 0; from != to; ++hops) {
        const NextRouters& known = ((fresh >> from) & 1U) != 0 ? new_routes : old_routes;
        const std::uint32_t next = known[from][to];
        if (next == Topology::npos || next == before) {
            return 0;
        }
        if (hops > old_routes.size()) {
            return hops;
        }
        before = std::exchange(from, next);
    }
    return 0;
}

// Whoever has heard of the loss or return of a link, and whoever has not.
TEST(Spf, NothingRunsRoundMoreThanTwoRoutersWhileNewsOfOneLinkSpreads) {
    std::mt19937_64 random(1);
    std::size_t looked = 0;
    for (std::uint64_t seed = 0; seed < 1500; ++seed) {
        TestGraph graph = random_test_graph(seed);
        graph.no_transit.assign(graph.size, false);
        if (graph.edges.empty()) {
            continue;
        }
        const NextRouters with = next_routers(graph, seed % kPreferences);
        TestGraph less = graph;
        less.edges.erase(less.edges.begin() +
                         static_cast<std::ptrdiff_t>(random() % less.edges.size()));
        const NextRouters without = next_routers(less, seed % kPreferences);
        for (int i = 0; i < 20; ++i) {
            const auto fresh = static_cast<std::uint32_t>(random());
            for (std::uint32_t from = 0; from < graph.size; ++from) {
                for (std::uint32_t to = 0; to < graph.size; ++to) {
                    ASSERT_EQ(circle(with, without, fresh, from, to), 0U) << "seed " << seed;
                    ++looked;
                }
            }
        }
    }
    EXPECT_GT(looked, 100'000U);
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
