#include "router/drain.h"

#include <gtest/gtest.h>

namespace amqmesh::router {
namespace {

using Phase = DrainProgress::Phase;
using routing::kMillisecond;
using routing::kSecond;

TEST(Drain, AnIdleNodeIsDoneInTwoMoments) {
    DrainProgress progress(1000);
    EXPECT_EQ(progress.observe(1000, {}), Phase::kTransit);
    EXPECT_EQ(progress.observe(1000 + DrainProgress::kMoment, {}), Phase::kLocal);
    EXPECT_EQ(progress.observe(1000 + DrainProgress::kMoment + 1, {}), Phase::kLocal);
    EXPECT_EQ(progress.observe(1000 + 2 * DrainProgress::kMoment, {}), Phase::kOver);
}

TEST(Drain, TransitHasToBeOverForAWhile) {
    DrainProgress progress(0);
    EXPECT_EQ(progress.observe(0, {.transit_count = 70}), Phase::kTransit);
    EXPECT_EQ(progress.observe(10 * kMillisecond, {.transit_count = 71}), Phase::kTransit);
    EXPECT_EQ(progress.observe(100 * kMillisecond, {.transit_count = 71, .transit_open = 1}),
              Phase::kTransit);
    EXPECT_FALSE(progress.transit_quiet(100 * kMillisecond));
    EXPECT_EQ(progress.observe(299 * kMillisecond, {.transit_count = 71}), Phase::kTransit);
    EXPECT_EQ(progress.observe(300 * kMillisecond, {.transit_count = 71}), Phase::kLocal);
    EXPECT_TRUE(progress.transit_quiet(300 * kMillisecond));
}

TEST(Drain, TransitThatNeverEndsIsWaitedForTenSeconds) {
    DrainProgress progress(0);
    std::uint64_t count = 0;
    routing::Time now = 0;
    while (progress.observe(now, {.transit_count = ++count}) == Phase::kTransit) {
        now += 10 * kMillisecond;
    }
    EXPECT_EQ(now, DrainProgress::kTransitMax);
}

TEST(Drain, OwnDeliveriesAreWaitedForAsLongAsTheyGetOn) {
    DrainProgress progress(0);
    progress.observe(0, {});
    ASSERT_EQ(progress.observe(DrainProgress::kMoment, {.local_open = 5}), Phase::kLocal);
    routing::Time now = DrainProgress::kMoment;
    for (std::uint64_t moved = 1; moved < 10; ++moved) {
        now += 900 * kMillisecond;
        EXPECT_EQ(progress.observe(now, {.local_open = 5, .moved = moved}), Phase::kLocal);
    }
    EXPECT_EQ(progress.observe(now + 999 * kMillisecond, {.local_open = 5, .moved = 9}),
              Phase::kLocal);
    EXPECT_EQ(progress.observe(now + kSecond, {.local_open = 5, .moved = 9}), Phase::kOver);
}

TEST(Drain, OwnDeliveriesThatEndEndIt) {
    DrainProgress progress(0);
    progress.observe(0, {});
    progress.observe(DrainProgress::kMoment, {.local_open = 5});
    EXPECT_EQ(progress.observe(500 * kMillisecond, {.local_open = 0, .moved = 5}), Phase::kOver);
}

}  // namespace
}  // namespace amqmesh::router
