// Every branch that is rarely taken (routing/marks.h) is taken by lives that run on every change.
#include "tests/sim/check.h"
#include "tests/sim/swarm.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace amqmesh::sim {
namespace {

using routing::kMillisecond;
using routing::kSecond;
using routing::Mark;

routing::Marks marks_of_seeds(std::uint64_t first,
                              std::uint64_t count,
                              const SwarmOptions& options) {
    routing::Marks sum = {};
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const SwarmResult result = run_swarm(seed, options);
        EXPECT_EQ(result.failure, "") << "seed " << seed;
        add(sum, result.marks);
    }
    return sum;
}

// One router of a line vanishes for good: its word is kept for its lifetime of an hour.
routing::Marks marks_of_a_death() {
    World world(line(3), Options{}, 1);
    world.start_all();
    world.run_for(5 * kSecond);
    world.crash(2, false);
    world.run_for(3700 * kSecond);
    EXPECT_EQ(world.routers()[0].node->view(world.now()).routers.size(), 2U);
    return world.marks();
}

// A third router comes to two that have a table of several messages, whose history is too long to
// be told step by step; and messages are damaged on the way.
routing::Marks marks_of_a_damaged_table(std::uint64_t seed, int addresses, double bit_flips) {
    Options options;
    options.bit_flip_chance = bit_flips;
    World world(line(3), options, seed);
    for (int i = 0; i < addresses; ++i) {
        world.set_address(
            0, "an.address.of.some.forty.bytes.or.more." + std::to_string(i), Mirror::Address{});
    }
    world.set_up(1, false);
    world.start_all();
    for (int i = 0; i < 1100; ++i) {
        world.set_address(
            0, "changing", i % 2 == 0 ? std::nullopt : std::optional(Mirror::Address{}));
        world.run_for(11 * kMillisecond);
    }
    world.set_up(1, true);
    world.run_for(20 * kSecond);
    return world.marks();
}

TEST(Marks, EveryRareBranchIsTaken) {
    routing::Marks sum = marks_of_seeds(
        1, 200, {.routers_min = 3, .routers_max = 10, .faults_for = 2500 * kMillisecond});
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        add(sum, marks_of_a_damaged_table(seed, 3000, 0.05));
    }
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        add(sum, marks_of_a_damaged_table(seed, 9000, 0.1));
    }
    add(sum, marks_of_a_death());
    for (std::size_t i = 0; i < sum.size(); ++i) {
        EXPECT_GT(sum[i], 0U) << to_string(static_cast<Mark>(i));
    }
}

}  // namespace
}  // namespace amqmesh::sim
