#include "link/link_credit.h"

#include <gtest/gtest.h>

namespace amqmesh::link::test {

TEST(ReceiverCredit, CountsAcrossTheWrap) {
    ReceiverCredit credit;
    credit.set(10, false);  // before the peer's attach tells where it counts from
    EXPECT_FALSE(credit.delivery_count());
    credit.start(0xfffffffaU);
    EXPECT_EQ(credit.credit(), 10U);
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(credit.receive_delivery());
    }
    EXPECT_EQ(credit.credit(), 0U);
    EXPECT_EQ(credit.delivery_count(), 4U);
    EXPECT_FALSE(credit.receive_delivery());
    credit.set(1, false);
    EXPECT_TRUE(credit.receive_delivery());
    EXPECT_FALSE(credit.receive_delivery());
}

TEST(ReceiverCredit, TakenBackCreditMayStillBeUsedOnce) {
    ReceiverCredit credit;
    credit.start(0);
    credit.set(3, false);
    credit.set(0, false);
    EXPECT_EQ(credit.credit(), 0U);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(credit.receive_delivery()) << "was on its way";
    }
    EXPECT_FALSE(credit.receive_delivery());
    EXPECT_EQ(credit.credit(), 0U);
}

TEST(ReceiverCredit, DrainEndsByFlowOrByUse) {
    ReceiverCredit credit;
    credit.start(0);
    credit.set(5, true);
    EXPECT_TRUE(credit.receive_delivery());
    EXPECT_FALSE(credit.take_drained());
    EXPECT_TRUE(credit.receive_flow(5));
    EXPECT_EQ(credit.credit(), 0U);
    EXPECT_FALSE(credit.receive_flow(5)) << "told once";
    credit.set(1, true);
    EXPECT_TRUE(credit.receive_delivery());
    EXPECT_TRUE(credit.take_drained());
}

TEST(ReceiverCredit, AbsurdCountsChangeNothing) {
    ReceiverCredit credit;
    credit.start(100);
    credit.set(5, true);
    EXPECT_FALSE(credit.receive_flow(50)) << "backwards";
    EXPECT_EQ(credit.credit(), 5U);
    EXPECT_TRUE(credit.receive_flow(1000)) << "beyond the limit counts as all of it";
    EXPECT_EQ(credit.delivery_count(), 105U);
    EXPECT_EQ(credit.credit(), 0U);
}

TEST(SenderCredit, FollowsTheReceiversView) {
    SenderCredit credit;
    EXPECT_TRUE(credit.receive_flow(std::nullopt, 3, false)) << "the receiver knows no count yet";
    EXPECT_EQ(credit.credit(), 3U);
    credit.send_delivery();
    credit.send_delivery();
    EXPECT_TRUE(credit.receive_flow(1, 3, false)) << "it has seen one of the two";
    EXPECT_EQ(credit.credit(), 2U);
    EXPECT_FALSE(credit.receive_flow(1, 3, false));
    EXPECT_TRUE(credit.receive_flow(1, 0, false));
    EXPECT_EQ(credit.credit(), 0U) << "taken back below what was used";
}

TEST(SenderCredit, DrainGivesTheRestBack) {
    SenderCredit credit;
    credit.receive_flow(0, 10, true);
    credit.send_delivery();
    EXPECT_TRUE(credit.drained());
    EXPECT_EQ(credit.credit(), 0U);
    EXPECT_EQ(credit.delivery_count(), 10U);
    credit.receive_flow(10, 0, false);
    EXPECT_FALSE(credit.drained());
}

}  // namespace amqmesh::link::test
