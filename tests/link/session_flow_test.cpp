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
    EXPECT_TRUE(flow.renewal_due());
    flow.renew();
    EXPECT_TRUE(flow.receive_frame(1));
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
