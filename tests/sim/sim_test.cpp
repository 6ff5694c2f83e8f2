// Scenarios on small and middling networks: what must happen, in a few lines each.
#include "tests/sim/check.h"
#include "tests/sim/world.h"

#include <gtest/gtest.h>

namespace amqmesh::sim {
namespace {

using routing::kMillisecond;
using routing::kSecond;
using routing::Treatment;

// Runs until everything is known everywhere; checks the databases often enough to time it.
std::optional<Time> converge(World& world, Time limit) {
    const Time start = world.now();
    while (world.now() < start + limit) {
        world.run_for(kMillisecond);
        if (connected(world) && difference(world).empty()) {
            return world.now() - start;
        }
    }
    return std::nullopt;
}

World started(const Graph& graph, std::uint64_t seed = 1) {
    World world(graph, Options{}, seed);
    world.check_always(true);
    world.start_all();
    return world;
}

TEST(Scenario, TwoRoutersFindEachOther) {
    World world = started(line(2));
    ASSERT_TRUE(converge(world, kSecond)) << difference(world);
}

TEST(Scenario, LineRingMeshGridConverge) {
    for (const Graph& graph : {line(8), ring(8), mesh(6), star(9), grid(4, 4)}) {
        World world = started(graph);
        ASSERT_TRUE(converge(world, 2 * kSecond)) << graph.name << " " << difference(world);
        EXPECT_EQ(multicast_difference(world), "") << graph.name;
    }
}

// The loss of a ring's link sends everything the other way round, after one flood.
TEST(Scenario, RingHealsAfterLinkReset) {
    World world = started(ring(8));
    ASSERT_TRUE(converge(world, 2 * kSecond));
    world.run_for(3 * kSecond);
    world.set_up(0, false);
    const auto time = converge(world, kSecond);
    ASSERT_TRUE(time) << difference(world);
    EXPECT_LE(*time, diameter(line(8)) + 3 * kMillisecond);
}

TEST(Scenario, PartitionAndHeal) {
    World world = started(grid(3, 4));
    world.set_address(0, "a", Mirror::Address{Treatment::kClosest, 1});
    ASSERT_TRUE(converge(world, 2 * kSecond)) << difference(world);
    std::vector<std::size_t> cut;
    for (std::size_t c = 0; c < world.cables().size(); ++c) {
        const Cable& cable = world.cables()[c];
        if (cable.end[0] % 4 == 1 && cable.end[1] % 4 == 2) {
            cut.push_back(c);
            world.set_up(c, false);
        }
    }
    ASSERT_EQ(cut.size(), 3U);
    ASSERT_TRUE(converge(world, kSecond)) << difference(world);
    world.set_address(0, "b", Mirror::Address{Treatment::kMulticast, 1});
    world.set_address(0, "a", std::nullopt);
    for (const std::size_t c : cut) {
        world.set_up(c, true);
    }
    ASSERT_TRUE(converge(world, 8 * kSecond)) << difference(world);
}

TEST(Scenario, RouterCrashIsNoticedAndItsRestartToo) {
    for (const bool silent : {false, true}) {
        World world = started(ring(5));
        world.set_address(2, "queue", Mirror::Address{});
        ASSERT_TRUE(converge(world, 2 * kSecond));
        world.run_for(3 * kSecond);
        world.crash(2, silent);
        const auto time = converge(world, 2 * kSecond);
        ASSERT_TRUE(time) << difference(world);
        EXPECT_LE(*time, silent ? kSecond : 20 * kMillisecond);
        world.start(2);
        ASSERT_TRUE(converge(world, 8 * kSecond)) << difference(world);
    }
}

// Its clock went back: the mesh holds newer words of its own, which it has to outbid.
TEST(Scenario, RestartWithOlderClock) {
    World world = started(ring(4));
    world.set_address(1, "x", Mirror::Address{});
    ASSERT_TRUE(converge(world, 2 * kSecond));
    world.crash(1, false);
    world.run_for(kSecond);
    world.routers()[1].clock_ms = 1000;
    world.start(1);
    ASSERT_TRUE(converge(world, 10 * kSecond)) << difference(world);
    EXPECT_GE(world.notes().at("OWN_LSP_ECHO"), 1U);
}

// A third life starts so early that the incarnation it takes over from an echo is the one of its
// second life, whose addresses some routers still hold under that number.
TEST(Scenario, IncarnationMeetsThatOfAnEarlierLife) {
    World world = started(line(3));
    ASSERT_TRUE(converge(world, 2 * kSecond));
    world.crash(1, false);
    world.routers()[1].clock_ms = 1'800'000'000'000;
    world.start(1);
    world.set_address(1, "second", Mirror::Address{});
    ASSERT_TRUE(converge(world, 8 * kSecond)) << difference(world);
    const std::uint64_t second = world.routers()[1].node->view(world.now()).incarnation;
    world.crash(1, false);
    world.set_address(1, "second", std::nullopt);
    world.set_address(1, "third", Mirror::Address{});
    world.routers()[1].clock_ms = second - 100;  // start() adds 1..100
    world.start(1);
    ASSERT_TRUE(converge(world, 20 * kSecond)) << difference(world);
}

TEST(Scenario, AddressesComeAndGo) {
    World world = started(ring(6));
    ASSERT_TRUE(converge(world, 2 * kSecond));
    for (std::size_t i = 0; i < 3000; ++i) {
        world.set_address(i % 6, "key." + std::to_string(i), Mirror::Address{});
    }
    ASSERT_TRUE(converge(world, 2 * kSecond)) << difference(world);
    for (std::size_t i = 0; i < 3000; i += 2) {
        world.set_address(i % 6, "key." + std::to_string(i), std::nullopt);
    }
    ASSERT_TRUE(converge(world, 2 * kSecond)) << difference(world);
}

}  // namespace
}  // namespace amqmesh::sim
