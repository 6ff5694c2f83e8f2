#include "router/connector_fsm.h"

#include <gtest/gtest.h>

namespace amqmesh::router {
namespace {

using Kind = ConnectorAction::Kind;
using routing::kMillisecond;
using routing::kSecond;

TEST(ConnectorFsm, connects_at_once_and_shows_it) {
    ConnectorFsm fsm(1);
    EXPECT_EQ(fsm.start().kind, Kind::kConnect);
    EXPECT_EQ(fsm.state(), ConnectorState::kConnecting);
    EXPECT_STREQ(to_string(fsm.state()), "CONNECTING");
}

TEST(ConnectorFsm, first_retry_within_100_ms_then_doubles_up_to_5_s) {
    for (std::uint64_t seed = 1; seed < 200; ++seed) {
        ConnectorFsm fsm(seed);
        fsm.start();
        Time ceiling = 100 * kMillisecond;
        for (int attempt = 0; attempt < 12; ++attempt) {
            const ConnectorAction wait = fsm.on_refused("connection refused");
            ASSERT_EQ(wait.kind, Kind::kWait);
            EXPECT_LE(wait.delay, ceiling);
            EXPECT_GE(wait.delay, ceiling / 2);
            EXPECT_EQ(fsm.state(), ConnectorState::kFailed);
            EXPECT_EQ(fsm.on_timer().kind, Kind::kConnect);
            ceiling = std::min(ceiling * 2, 5 * kSecond);
        }
        EXPECT_EQ(fsm.message(), "connection refused");
        EXPECT_EQ(fsm.attempts(), 13U);
    }
}

TEST(ConnectorFsm, waits_are_spread) {
    ConnectorFsm a(1);
    ConnectorFsm b(3);
    a.start();
    b.start();
    EXPECT_NE(a.on_refused("").delay, b.on_refused("").delay);
}

TEST(ConnectorFsm, a_link_that_was_up_is_tried_again_at_once) {
    ConnectorFsm fsm(1);
    fsm.start();
    fsm.on_refused("x");
    fsm.on_refused("x");
    fsm.on_timer();
    EXPECT_EQ(fsm.on_opened(10 * kSecond).kind, Kind::kNone);
    EXPECT_EQ(fsm.state(), ConnectorState::kSuccess);
    EXPECT_EQ(fsm.on_closed(20 * kSecond, "reset", 0).kind, Kind::kConnect);
    // And the back-off begins from its beginning again.
    EXPECT_LE(fsm.on_refused("x").delay, 100 * kMillisecond);
}

TEST(ConnectorFsm, a_link_that_flaps_is_not_trusted) {
    ConnectorFsm fsm(1);
    fsm.start();
    fsm.on_opened(10 * kSecond);
    EXPECT_EQ(fsm.on_closed(10 * kSecond + 5 * kMillisecond, "closed", 0).kind, Kind::kWait);
    fsm.on_timer();
    fsm.on_opened(11 * kSecond);
    const ConnectorAction second = fsm.on_closed(11 * kSecond, "closed", 0);
    EXPECT_EQ(second.kind, Kind::kWait);
    EXPECT_GE(second.delay, 100 * kMillisecond);
}

TEST(ConnectorFsm, believes_the_peers_retry_after_within_bounds) {
    ConnectorFsm fsm(1);
    fsm.start();
    fsm.on_opened(0);
    EXPECT_EQ(fsm.on_closed(5 * kSecond, "goodbye", 2500).delay, 2500 * kMillisecond);
    fsm.on_timer();
    fsm.on_opened(10 * kSecond);
    EXPECT_EQ(fsm.on_closed(20 * kSecond, "goodbye", 4'000'000'000U).delay, 60 * kSecond);
}

TEST(ConnectorFsm, nothing_follows_after_stop) {
    ConnectorFsm fsm(1);
    fsm.start();
    fsm.on_opened(0);
    fsm.stop();
    EXPECT_EQ(fsm.on_closed(5 * kSecond, "closed", 0).kind, Kind::kNone);
    EXPECT_EQ(fsm.on_refused("late").kind, Kind::kNone);
    EXPECT_EQ(fsm.on_timer().kind, Kind::kNone);
}

}  // namespace
}  // namespace amqmesh::router
