// Random lives of 20 to 50 routers on every change: 200 seeds, in shards so that ctest can spread
// them. Never sanitized (CMakeLists.txt); sanitized lives are in replay_test.cpp.
#include "tests/sim/swarm.h"

#include <gtest/gtest.h>

namespace amqmesh::sim {
namespace {

constexpr std::uint64_t kSeedsPerShard = 20;

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

}  // namespace
}  // namespace amqmesh::sim
