// A seed is the whole story of a run; and lives of smaller meshes, which also run with sanitizers.
#include "tests/sim/check.h"
#include "tests/sim/swarm.h"

#include <gtest/gtest.h>

namespace amqmesh::sim {
namespace {

using routing::kMillisecond;
using routing::kSecond;

SwarmOptions small_meshes() {
    return {.routers_min = 3, .routers_max = 10, .faults_for = 2500 * kMillisecond};
}

// As they were when the failures below were found.
SwarmOptions as_it_was() {
    SwarmOptions options = small_meshes();
    options.more = false;
    return options;
}

TEST(Swarm, SmallMeshesAreSafeAlwaysAndTrueAfterHealing) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        EXPECT_EQ(run_swarm(seed, small_meshes()).failure, "") << "seed " << seed;
    }
}

// The same seed must be the same run to the last bit, else no failure could be replayed.
TEST(Swarm, SameSeedSameRun) {
    for (const std::uint64_t seed : {7U, 8U, 9U, 10U}) {
        const SwarmResult first = run_swarm(seed, small_meshes());
        const SwarmResult second = run_swarm(seed, small_meshes());
        EXPECT_EQ(first.digest, second.digest) << "seed " << seed;
        EXPECT_EQ(first.events, second.events) << "seed " << seed;
    }
    EXPECT_NE(run_swarm(7, small_meshes()).digest, run_swarm(8, small_meshes()).digest);
}

// Failures that long runs found, as small as they could be told.

// A message that takes longer than a neighbour may be silent: 300 ms at 200 kB/s are 60 kB.
TEST(Found, BigTablesOverSlowLinksAreNoSilence) {
    Options options;
    options.heartbeat_ms = 100;
    options.credit = 2;
    options.bytes_per_second = 200'000;
    World world(line(3), options, 3565);
    for (int i = 0; i < 4000; ++i) {
        world.set_address(0, "an.address.of.thirty.bytes." + std::to_string(i), Mirror::Address{});
    }
    world.start_all();
    world.run_for(15 * kSecond);
    EXPECT_EQ(difference(world), "");
    EXPECT_EQ(world.totals().closes, 0U);
}

// Routers that restarted again and again, with clocks in the past: each neighbour's copy of an
// earlier life's link state put the renewal off by another second, and in the end the router took
// itself for two.
TEST(Found, RenewalsAreNotPutOff) {
    EXPECT_EQ(run_swarm(18674, as_it_was()).failure, "");
}

// A router that was stopped found three Hellos of a neighbour at once, older than what it had just
// passed on, and took the databases for different.
TEST(Found, HellosAfterAPauseAreNoDifference) {
    EXPECT_EQ(run_swarm(2229, as_it_was()).failure, "");
}

// A damaged lifetime buried a record at one router: once its tombstone has gone, after a minute,
// the next comparison must not be far.
TEST(Found, RepairsAreTriedOftenEnough) {
    EXPECT_EQ(run_swarm(1281, as_it_was()).failure, "");
}

// Forged records of a router's own: the last incarnation once more, with a lower number.
TEST(Found, ALiarStopsNobody) {
    EXPECT_EQ(run_swarm(86, small_meshes()).failure, "");
}

// Two that the judge got wrong: a lie about a router cuts it off for a moment; a damped parallel
// link came in when all seemed to be quiet.
TEST(Found, LiesAndLateLinksAreNoFailures) {
    EXPECT_EQ(run_swarm(62221, small_meshes()).failure, "");
    EXPECT_EQ(run_swarm(63141, small_meshes()).failure, "");
}

// The routers at both ends of a new link know of it, but shortest paths had to wait for the usual
// pause after good news; another router's multicast counted on them meanwhile.
TEST(Found, OwnLinksArePublishedAtOnce) {
    World world(line(3), Options{}, 88);
    world.set_up(1, false);
    world.start_all();
    world.run_for(4 * kSecond);
    ASSERT_EQ(difference(world), "");
    world.set_up(1, true);
    const auto knows = [&](std::size_t from, std::size_t to) {
        const auto& topology = world.routers()[from].mirror.topology;
        return topology->index_of(world.routers()[to].id) != routing::Topology::npos;
    };
    ASSERT_TRUE(world.run_until_true(10 * kSecond, [&] { return knows(1, 2); }));
    EXPECT_FALSE(knows(0, 2)) << "a router further off knows earlier than the link's own end";
}

}  // namespace
}  // namespace amqmesh::sim
