// The two policies of time: when to recompute, and how long a restless neighbour waits.
#include "routing/damping.h"
#include "routing/spf_schedule.h"

#include <gtest/gtest.h>

namespace amqmesh::routing {
namespace {

TEST(SpfSchedule, FirstBadNewsAtOnceGoodNewsSoon) {
    SpfSchedule schedule;
    EXPECT_FALSE(schedule.due());
    schedule.on_change(10 * kSecond, true);
    EXPECT_EQ(schedule.due(), 10 * kSecond);

    SpfSchedule other;
    other.on_change(10 * kSecond, false);
    EXPECT_EQ(other.due(), 10 * kSecond + 5 * kMillisecond);
    other.on_change(10 * kSecond + kMillisecond, true);
    EXPECT_EQ(other.due(), 10 * kSecond + kMillisecond) << "bad news does not wait for good";
}

TEST(SpfSchedule, StormIsSlowedAndQuietForgets) {
    SpfSchedule schedule;
    Time now = 10 * kSecond;
    for (; now < 10 * kSecond + 600 * kMillisecond; now += 10 * kMillisecond) {
        schedule.on_change(now, false);
        schedule.on_run(now, 10, 20);
    }
    schedule.on_change(now, false);
    EXPECT_EQ(schedule.due(), now + 200 * kMillisecond);
    schedule.on_run(now, 10, 20);
    schedule.on_change(now + kSecond, true);
    EXPECT_EQ(schedule.due(), now + kSecond + 20 * kMillisecond);
    schedule.on_run(now + kSecond, 10, 20);
    schedule.on_change(now + 3 * kSecond, true);
    EXPECT_EQ(schedule.due(), now + 3 * kSecond) << "two seconds of quiet";
}

// A run over 10,000 routers and 40,000 edges is taken for 5 ms of work; nine times that is rest.
TEST(SpfSchedule, BigGraphsRestBetweenRuns) {
    SpfSchedule schedule;
    schedule.on_change(kSecond, true);
    schedule.on_run(kSecond, 10'000, 40'000);
    schedule.on_change(kSecond + kMillisecond, true);
    EXPECT_EQ(schedule.due(), kSecond + 45 * kMillisecond);
    schedule.force(kSecond + 2 * kMillisecond);
    EXPECT_EQ(schedule.due(), kSecond + 2 * kMillisecond) << "our own link's loss";
}

TEST(Damping, HoldsFromTheThirdFlapOnAndDoubles) {
    Damping damping;
    Time now = kSecond;
    damping.on_down(now, 1, now);
    now += kSecond;
    damping.on_down(now, 1, now);
    EXPECT_EQ(damping.held_until(1), 0U);
    for (const Time seconds : {1U, 2U, 4U, 8U, 16U, 32U, 60U, 60U}) {
        now += kSecond;
        damping.on_down(now, 1, now);
        EXPECT_EQ(damping.held_until(1), now + seconds * kSecond);
    }
    EXPECT_EQ(damping.flaps(1), 10U);
    EXPECT_EQ(damping.held_until(2), 0U) << "others are not held";
}

TEST(Damping, AQuietMinuteForgives) {
    Damping damping;
    for (Time now = kSecond; now <= 3 * kSecond; now += kSecond) {
        damping.on_down(now, 1, now);
    }
    const Time later = 4 * kSecond + 60 * kSecond;
    damping.on_down(later, 1, later);
    EXPECT_LE(damping.held_until(1), later);
}

TEST(Damping, RefusedNeighboursComeBackLessAndLess) {
    Damping damping;
    EXPECT_EQ(damping.on_refused(kSecond, 1), 1000U);
    EXPECT_EQ(damping.on_refused(2 * kSecond, 1), 2000U);
    EXPECT_EQ(damping.on_refused(4 * kSecond, 1), 4000U);
    EXPECT_EQ(damping.on_refused(400 * kSecond, 1), 1000U);
}

TEST(Damping, MemoryIsBounded) {
    Damping damping;
    for (RouterId peer = 1; peer <= 5000; ++peer) {
        damping.on_down(peer * kMillisecond, peer, peer * kMillisecond);
    }
    EXPECT_EQ(damping.flaps(1), 0U);
    EXPECT_EQ(damping.flaps(5000), 1U);
}

}  // namespace
}  // namespace amqmesh::routing
