// Scenarios on small and middling networks: what must happen, in a few lines each.
#include "tests/sim/check.h"
#include "tests/sim/experiment.h"
#include "tests/sim/world.h"

#include <gtest/gtest.h>

#include <array>

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

// Its links stay, only its incarnation changes: all must publish the same graph again.
TEST(Scenario, RenewedIncarnationReachesEveryTopology) {
    World world = started(line(3));
    ASSERT_TRUE(converge(world, 2 * kSecond));
    world.crash(2, false);
    world.run_for(kSecond);
    world.routers()[2].clock_ms = 5000;
    world.start(2);
    ASSERT_TRUE(converge(world, 10 * kSecond)) << difference(world);
    EXPECT_EQ(multicast_difference(world), "");
    const auto& topology = world.routers()[0].mirror.topology;
    EXPECT_EQ(topology->incarnations.at(topology->index_of(world.routers()[2].id)),
              world.routers()[2].node->view(world.now()).incarnation);
}

// Two living routers of one name, not neighbours: it is told, and the younger one leaves.
TEST(Scenario, DuplicateIdFarAway) {
    World world(Options{}, 3);
    const std::size_t older = world.add_router("same");
    world.add_cable(older, world.add_router("m"), 1, kMillisecond);
    world.add_cable(1, world.add_router("n"), 1, kMillisecond);
    const std::size_t younger = world.add_router("same");
    world.add_cable(2, younger, 1, kMillisecond);
    for (const std::size_t router : {older, std::size_t{1}, std::size_t{2}}) {
        world.start(router);
    }
    world.run_for(5 * kSecond);
    world.routers()[younger].clock_ms = world.routers()[older].clock_ms + 60'000;
    world.start(younger);
    world.run_for(30 * kSecond);
    EXPECT_GE(world.notes().at("DUPLICATE_ROUTER_ID"), 1U);
    const auto adjacencies = [&](std::size_t router) {
        return world.routers()[router].node->view(world.now()).adjacencies;
    };
    EXPECT_TRUE(adjacencies(younger).empty());
    ASSERT_EQ(adjacencies(older).size(), 1U);
    EXPECT_EQ(adjacencies(older)[0].state, routing::AdjacencyState::kFull);
    EXPECT_TRUE(world.routers()[2].mirror.routes.contains(world.routers()[older].id));
}

constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kPairs = {
    {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}};

// One of the 63 graphs of four routers that have links, with three speeds of cables, so that
// messages meet in different orders.
Graph small_graph(unsigned chosen) {
    Graph graph = {"small", {"a", "b", "c", "d"}, {}};
    for (std::size_t i = 0; i < kPairs.size(); ++i) {
        if ((chosen >> i) & 1U) {
            const Time delay = kMillisecond * (1 + (i + chosen) % 3);
            graph.edges.push_back({kPairs[i].first, kPairs[i].second, 1, delay});
        }
    }
    return graph;
}

// All of them, and all single and double losses of links.
TEST(SmallWorlds, AllGraphsAllEventsEndRight) {
    std::size_t worlds = 0;
    for (unsigned chosen = 1; chosen < 64; ++chosen) {
        const Graph graph = small_graph(chosen);
        for (std::size_t first = 0; first < graph.edges.size(); ++first) {
            for (std::size_t second = 0; second < graph.edges.size(); ++second) {
                World world(graph, Options{}, chosen);
                world.start_all();
                ASSERT_TRUE(converge(world, 2 * kSecond)) << chosen << difference(world);
                world.set_up(first, false);
                world.run_for((first + second) * 700);
                world.set_up(second, first == second);
                world.run_for(300 * kMillisecond);
                ASSERT_EQ(difference(world), "") << chosen << " " << first << " " << second;
                ASSERT_EQ(multicast_difference(world), "") << chosen;
                world.heal();
                ASSERT_TRUE(converge(world, 8 * kSecond)) << chosen << difference(world);
                ++worlds;
            }
        }
    }
    EXPECT_EQ(worlds, 672U);
}

// All of them, and everything that can happen to one router while a link is lost.
TEST(SmallWorlds, AllGraphsAllRoutersEndRight) {
    std::size_t worlds = 0;
    for (unsigned chosen = 1; chosen < 64; ++chosen) {
        const Graph graph = small_graph(chosen);
        for (std::size_t event = 0; event < 16; ++event) {
            const std::size_t router = event % 4;
            World world(graph, Options{}, chosen);
            world.set_address(router, "here", Mirror::Address{});
            world.start_all();
            ASSERT_TRUE(converge(world, 2 * kSecond)) << chosen << difference(world);
            world.set_up((chosen + event) % graph.edges.size(), false);
            world.run_for(event * 400);
            switch (event / 4) {
                case 0:
                    world.crash(router, false);
                    break;
                case 1:
                    world.crash(router, true);
                    break;
                case 2:
                    world.drain(router, true);
                    break;
                default:
                    world.pause(router, 2 * kSecond);
            }
            world.run_for(1500 * kMillisecond);
            ASSERT_EQ(difference(world), "") << chosen << " " << event;
            world.heal();
            world.drain(router, false);
            ASSERT_TRUE(converge(world, 8 * kSecond))
                << chosen << " " << event << difference(world);
            ++worlds;
        }
    }
    EXPECT_EQ(worlds, 1008U);
}

// After the loss, return or new cost of a link, whoever has heard of it and whoever has not: what
// does not arrive waits; the simulator fails otherwise (ROUTING 1.6). Equal costs make many ways
// equal.
TEST(Scenario, NothingRunsRoundAfterALinksFault) {
    std::uint64_t sent_back = 0;
    for (const std::uint32_t max_paths : {1U, 4U, 8U}) {
        for (Graph graph : {grid(4, 5), random_graph(24, 24, 5), random_graph(30, 60, 6)}) {
            for (GraphEdge& edge : graph.edges) {
                edge.cost = 1;
            }
            const Measured m =
                measure(graph, {.max_paths = max_paths, .links_max = 6, .changes = 15});
            EXPECT_EQ(m.failure, "") << graph.name << ", paths " << max_paths;
            EXPECT_EQ(m.circles, 0U);
            EXPECT_GT(m.goes_back, 0U);
            sent_back += m.flown.sent_back;
            EXPECT_EQ(m.flown.waited, 0U) << "of what was under way when a link was lost";
            for (const Flown& flown : {m.flown, m.flown_after_crash}) {
                EXPECT_GT(flown.messages, 0U);
                EXPECT_EQ(flown.given_up, 0U);
                EXPECT_EQ(flown.ran_round, 0U);
            }
            ASSERT_EQ(m.earliest.size(), m.repaired.size());
            for (std::size_t i = 0; i < m.earliest.size(); ++i) {
                EXPECT_LE(m.earliest[i], m.repaired[i]) << graph.name << ", link " << i;
            }
        }
    }
    EXPECT_GT(sent_back, 0U);
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
