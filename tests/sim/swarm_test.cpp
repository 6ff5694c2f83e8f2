// Random lives of 20 to 50 routers on every change, in shards so that ctest can spread them: 200
// seeds, or 60 where sanitizers make each five times slower.
#include "tests/sim/swarm.h"

#include <gtest/gtest.h>

namespace amqmesh::sim {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kSeedsPerShard = 6;
#else
constexpr std::uint64_t kSeedsPerShard = 20;
#endif

class SwarmShard : public testing::TestWithParam<std::uint64_t> {};

TEST_P(SwarmShard, SafeAlwaysAndTrueAfterHealing) {
    const SwarmOptions options = {
        .routers_min = 20, .routers_max = 50, .faults_for = 2 * routing::kSecond, .storm_max = 100};
    for (std::uint64_t seed = GetParam(); seed < GetParam() + kSeedsPerShard; ++seed) {
        const SwarmResult result = run_swarm(seed, options);
        EXPECT_EQ(result.failure, "") << "seed " << seed;
        EXPECT_GT(result.events, 1000U) << "seed " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds,
                         SwarmShard,
                         testing::Range<std::uint64_t>(1, 1 + 10 * kSeedsPerShard, kSeedsPerShard));

// The same seed must be the same run to the last bit, else no failure could be replayed.
TEST(Swarm, SameSeedSameRun) {
    for (const std::uint64_t seed : {7U, 8U, 9U, 10U}) {
        const SwarmResult first = run_swarm(seed, SwarmOptions{});
        const SwarmResult second = run_swarm(seed, SwarmOptions{});
        EXPECT_EQ(first.digest, second.digest) << "seed " << seed;
        EXPECT_EQ(first.events, second.events) << "seed " << seed;
    }
    EXPECT_NE(run_swarm(7, SwarmOptions{}).digest, run_swarm(8, SwarmOptions{}).digest);
}

}  // namespace
}  // namespace amqmesh::sim
