// Runs whose outcome is not known beforehand, but is known to be that of another run (ROUTING 2.3).
#include "tests/sim/check.h"
#include "tests/sim/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace amqmesh::sim {
namespace {

using routing::kMillisecond;
using routing::kSecond;

void converge(World& world) {
    for (int i = 0; i < 200 && !(connected(world) && difference(world).empty()); ++i) {
        world.run_for(50 * kMillisecond);
    }
    ASSERT_EQ(difference(world), "");
    ASSERT_TRUE(connected(world));
}

// Cost from each router to each, by their places in the graph.
std::vector<std::uint64_t> costs(const World& world, const std::vector<std::size_t>& place) {
    std::vector<std::uint64_t> all;
    for (const std::size_t from : place) {
        for (const std::size_t to : place) {
            const auto& routes = world.routers()[from].mirror.routes;
            const auto route = routes.find(world.routers()[to].id);
            all.push_back(route == routes.end() ? 0 : route->second.first);
        }
    }
    return all;
}

// Names decide about router ids, so about all orders and ties inside; but not about costs.
TEST(Metamorphic, OtherNamesSameCosts) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const Graph graph = random_graph(12, 10, seed);
        std::vector<std::size_t> place(graph.nodes.size());
        std::iota(place.begin(), place.end(), std::size_t{0});
        World world(graph, Options{}, seed);
        world.start_all();
        converge(world);
        const auto expected = costs(world, place);

        Random random(seed);
        for (std::size_t i = place.size() - 1; i > 0; --i) {
            std::swap(place[i], place[random.below(i + 1)]);
        }
        Graph renamed = graph;
        for (std::size_t i = 0; i < place.size(); ++i) {
            renamed.nodes[place[i]] = "other name of " + graph.nodes[i];
        }
        for (GraphEdge& edge : renamed.edges) {
            edge.a = place[edge.a];
            edge.b = place[edge.b];
        }
        std::reverse(renamed.edges.begin(), renamed.edges.end());
        World other(renamed, Options{}, seed + 1000);
        other.start_all();
        converge(other);
        EXPECT_EQ(costs(other, place), expected) << "seed " << seed;
    }
}

// Whether changes of addresses travel together or one by one.
TEST(Metamorphic, OneStepOrSeveralSameAddresses) {
    const auto told = [](Time pause) {
        World world(ring(5), Options{}, 3);
        world.start_all();
        converge(world);
        for (int i = 0; i < 60; ++i) {
            const std::string key = "key." + std::to_string(i % 40);
            world.set_address(2, key, i % 7 == 6 ? std::nullopt : std::optional(Mirror::Address{}));
            world.run_for(pause);
        }
        converge(world);
        return world.routers()[0].mirror.addresses;
    };
    const auto together = told(0);
    EXPECT_GT(together.size(), 30U);
    for (const Time pause : {kMillisecond, 15 * kMillisecond, 200 * kMillisecond}) {
        EXPECT_EQ(told(pause), together) << pause;
    }
}

// A link that was away leaves no trace in what everybody believes.
TEST(Metamorphic, LostAndFoundIsAsBefore) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        World world(random_graph(8, 6, seed), Options{}, seed);
        world.set_address(3, "consumer", Mirror::Address{});
        world.start_all();
        converge(world);
        const auto graph = world.routers()[0].mirror.topology->digest;
        const auto addresses = world.routers()[0].node->summary().address_digest;
        const std::size_t cable = seed % world.cables().size();
        world.set_up(cable, false);
        world.run_for(2 * kSecond);
        world.set_up(cable, true);
        converge(world);
        EXPECT_EQ(world.routers()[0].mirror.topology->digest, graph) << "seed " << seed;
        EXPECT_EQ(world.routers()[0].node->summary().address_digest, addresses);
    }
}

}  // namespace
}  // namespace amqmesh::sim
