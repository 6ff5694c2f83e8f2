#include "link/session_flow.h"

#include <gtest/gtest.h>

namespace amqmesh::link::test {

TEST(SessionFlow, WindowFollowsTheBudget) {
    EXPECT_EQ(SessionFlow::initial_window({.frame_bytes_max = 16384, .held_bytes_max = 4U << 20}),
              SessionFlow::kWindowFrames);
    EXPECT_EQ(
        SessionFlow::initial_window({.frame_bytes_max = 1U << 20, .held_bytes_max = 4U << 20}),
        SessionFlow::kWindowFramesMin);
    EXPECT_EQ(SessionFlow::initial_window({.frame_bytes_max = 512, .held_bytes_max = 4U << 20}),
              SessionFlow::kWindowFrames);
}

TEST(SessionFlow, RenewsAtHalfAndGrowsWithSmallFrames) {
    SessionFlow flow({.frame_bytes_max = 16384, .held_bytes_max = 4U << 20});
    flow.local_begun(0, 256);
    flow.remote_begun(0xfffffff0U, 100);
    unsigned renewals = 0;
    for (unsigned i = 0; i < 20000; ++i) {
        ASSERT_TRUE(flow.receive_frame(100));
        if (flow.renewal_due()) {
            flow.renew();
            ++renewals;
        }
    }
    EXPECT_EQ(flow.next_incoming_id(), 0xfffffff0U + 20000);
    EXPECT_EQ(flow.incoming_window() > 2048, true);
    EXPECT_LT(renewals, 20U) << "one flow for thousands of frames";
    for (unsigned i = 0; i < 3000; ++i) {
        ASSERT_TRUE(flow.receive_frame(16000));
        if (flow.renewal_due()) {
            flow.renew();
        }
    }
    EXPECT_LE(flow.incoming_window(), 300U) << "large frames shrink it again";
}

TEST(SessionFlow, HeldBytesKeepItShut) {
    SessionFlow flow({.frame_bytes_max = 16384, .held_bytes_max = 4U << 20});
    flow.local_begun(0, 256);
    flow.remote_begun(0, 100);
    flow.hold((4U << 20) + 1);
    for (unsigned i = 0; i < 256; ++i) {
        ASSERT_TRUE(flow.receive_frame(16000));
        EXPECT_FALSE(flow.renewal_due());
        flow.renew();
    }
    EXPECT_EQ(flow.incoming_window(), 0U);
    EXPECT_FALSE(flow.receive_frame(1));
    flow.unhold(1);
    EXPECT_FALSE(flow.renewal_due()) << "a quarter has to be free, or every few frames need a flow";
    flow.unhold(1U << 20);
    EXPECT_TRUE(flow.renewal_due());
    flow.renew();
    EXPECT_GE(flow.incoming_window(), 60U);
    EXPECT_TRUE(flow.receive_frame(1));
}

TEST(SessionFlow, WhatIsHeldAndWhatMayComeStayBelowTheBudgetTogether) {
    for (const std::size_t reader_lag : {std::size_t{0}, std::size_t{1} << 20, SIZE_MAX}) {
        constexpr std::size_t kBudget = std::size_t{5} << 19;
        constexpr std::size_t kFrame = 16000;
        SessionFlow flow({.frame_bytes_max = 16384, .held_bytes_max = kBudget});
        flow.local_begun(0, SessionFlow::initial_window({.held_bytes_max = kBudget}));
        flow.remote_begun(0, 100);
        std::size_t taken = 0;
        for (; taken < 10000 && flow.incoming_window() > 0; ++taken) {
            ASSERT_TRUE(flow.receive_frame(kFrame));
            flow.hold(kFrame);
            while (flow.held_bytes() > reader_lag) {
                flow.unhold(kFrame);
            }
            if (flow.renewal_due()) {
                flow.renew();
            }
            ASSERT_LE(flow.held_bytes() + flow.incoming_window() * kFrame, kBudget + 4 * kFrame);
        }
        EXPECT_EQ(taken == 10000, reader_lag != SIZE_MAX) << "who reads is never held up";
    }
}

TEST(SessionFlow, WhoHoldsNothingGoesOnAlthoughOthersHaveUsedUpTheBudget) {
    MemoryBudget connection{.held = 100, .max = 10};
    for (const bool reads : {true, false}) {
        SessionFlow flow({.frame_bytes_max = 16384, .connection = &connection});
        flow.local_begun(0, SessionFlow::kWindowFrames);
        flow.remote_begun(0, 100);
        unsigned taken = 0;
        for (; taken < 1000 && flow.incoming_window() > 0; ++taken) {
            ASSERT_TRUE(flow.receive_frame(16000));
            flow.hold(reads ? 0 : 16000);
            if (flow.renewal_due()) {
                flow.renew();
                EXPECT_LE(flow.incoming_window(), 16U) << "in small steps";
            }
        }
        EXPECT_EQ(taken, reads ? 1000U : SessionFlow::kWindowFrames);
    }
}

TEST(SessionFlow, OutgoingWindowWraps) {
    SessionFlow flow({});
    flow.local_begun(0xfffffffeU, 256);
    flow.remote_begun(0, 4);
    for (int i = 0; i < 4; ++i) {
        flow.send_frame();
    }
    EXPECT_EQ(flow.outgoing_window(), 0U);
    EXPECT_EQ(flow.next_outgoing_id(), 2U);
    EXPECT_TRUE(flow.receive_flow(0, 4, 0)) << "two of four seen";
    EXPECT_EQ(flow.outgoing_window(), 2U);
    EXPECT_FALSE(flow.receive_flow(2, 4, 0));
    EXPECT_EQ(flow.outgoing_window(), 4U);
}

TEST(SessionFlow, FlowWithoutNextIncomingIdCountsFromTheStart) {
    SessionFlow flow({});
    flow.local_begun(100, 256);
    flow.remote_begun(0, 10);
    flow.send_frame();
    flow.send_frame();
    flow.receive_flow(std::nullopt, 10, 0);
    EXPECT_EQ(flow.outgoing_window(), 8U);
    flow.receive_flow(5000, 10, 0);
    EXPECT_EQ(flow.outgoing_window(), 10U) << "an id from the future is not believed";
}

}  // namespace amqmesh::link::test
