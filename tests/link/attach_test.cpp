// A consumer whose attach is answered is found by what is sent from then on: at its node by any
// worker, and across nodes while the word of it travels.
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::Treatment;

constexpr std::uint16_t kWorkers = 3;

class AttachAnswer : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    TestWorld world_;
    TestNode& node_ = world_.node("A", kWorkers);
};

// Whichever worker is late: the consumer's own, the sender's, a third one.
INSTANTIATE_TEST_SUITE_P(LateWorker, AttachAnswer, ::testing::Range<std::uint16_t>(0, kWorkers));

TEST_P(AttachAnswer, WaitsForEveryWorkersTable) {
    auto& leaving = world_.client(node_, 2);
    auto& coming = world_.client(node_, 0);
    auto& sender = world_.client(node_, 1);
    const auto before = leaving.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    ASSERT_EQ(sender.engine.send_credit(link), 250U);
    node_.late = GetParam();
    const auto after = coming.receiver("q", 10);
    leaving.engine.detach(before, {});
    world_.run();
    EXPECT_FALSE(coming.attached.contains(after)) << "a worker does not know of it yet";

    node_.late.reset();
    node_.publish(world_.now);
    world_.run();
    ASSERT_TRUE(coming.attached.contains(after));
    EXPECT_EQ(coming.attached[after].source.address, "q");
    const auto number = sender.send(link, "x");
    world_.run();
    coming.accept_all();
    world_.run();
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kAccepted);
}

TEST_P(AttachAnswer, WhatComesBeforeTheAnswerFollowsIt) {
    auto& consumer = world_.client(node_, 0);
    auto& sender = world_.client(node_, 1);
    const auto link = sender.sender("q");
    world_.run();
    node_.late = GetParam();
    const auto receiver = consumer.receiver("q", 10);
    world_.run();
    if (GetParam() != 1) {
        // The sender's worker knows it already and has given credit.
        ASSERT_EQ(sender.engine.send_credit(link), 250U);
        sender.send(link, "early");
        world_.run();
        EXPECT_TRUE(consumer.received.empty());
    }
    node_.late.reset();
    node_.publish(world_.now);
    world_.run();
    ASSERT_TRUE(consumer.attached.contains(receiver));
    ASSERT_EQ(sender.engine.send_credit(link), GetParam() != 1 ? 249U : 250U);
    sender.send(link, "late");
    world_.run();
    std::vector<std::string> bodies;
    for (const auto& delivery : consumer.received) {
        bodies.push_back(delivery.body);
    }
    const std::vector<std::string> both{"early", "late"};
    EXPECT_EQ(bodies, GetParam() != 1 ? both : std::vector<std::string>{"late"});
}

TEST_P(AttachAnswer, ALinkThatEndsBeforeItsAnswerIsForgotten) {
    auto& consumer = world_.client(node_, 0);
    auto& lost = world_.client(node_, 1);
    node_.late = GetParam();
    const auto link = consumer.receiver("q", 10);
    lost.receiver("q", 10);
    world_.run();
    consumer.engine.detach(link, {});
    world_.cut(lost);
    world_.run();
    EXPECT_FALSE(consumer.closed) << "an attach is answered before its detach is";
    node_.late.reset();
    node_.publish(world_.now);
    world_.run();
    const auto again = consumer.receiver("q", 10);
    world_.run();
    EXPECT_TRUE(consumer.attached.contains(again));
    auto& sender = world_.client(node_, 1);
    const auto out = sender.sender("q");
    world_.run();
    sender.send(out, "x");
    world_.run();
    EXPECT_EQ(consumer.received.size(), 1U);
}

/// Routers A and B that know of each other; consumers are told by share().
class ConsumerMoves : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    void SetUp() override {
        world_.link(a_, b_);
        routing::Topology topology;
        topology.version = 1;
        topology.ids = {std::min(a_.id, b_.id), std::max(a_.id, b_.id)};
        topology.names = {"", ""};
        topology.incarnations = {1, 1};
        topology.no_transit = {false, false};
        topology.first = {0, 0, 0};
        a_.builder.set_topology(std::make_shared<const routing::Topology>(topology));
        a_.publish(world_.now);
        link_ = sender_.sender("q");
        leaving_link_ = leaving_.receiver("q", 2);
        world_.run();
    }

    TestWorld world_;
    TestNode& a_ = world_.node("A", GetParam());
    TestNode& b_ = world_.node("B", GetParam());
    TestClient& sender_ = world_.client(a_);
    TestClient& leaving_ = world_.client(a_, static_cast<std::uint16_t>(GetParam() - 1));
    TestClient& coming_ = world_.client(b_, static_cast<std::uint16_t>(GetParam() - 1));
    LinkIndex link_ = 0;
    LinkIndex leaving_link_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, ConsumerMoves, ::testing::Values(1, 2));

TEST_P(ConsumerMoves, WhatTheLastOneLeftBehindFindsTheNextOne) {
    for (int i = 0; i < 4; ++i) {
        sender_.send(link_, "waits");  // two are sent, two wait
    }
    world_.run();
    ASSERT_EQ(leaving_.received.size(), 2U);
    leaving_.accept_all();
    leaving_.engine.detach(leaving_link_, {});
    const auto next = coming_.receiver("q", 10);
    world_.step();  // the sender still has credit
    sender_.send(link_, "late");
    sender_.send(link_, "late and settled", true);
    world_.run();
    ASSERT_TRUE(coming_.attached.contains(next));
    EXPECT_EQ(sender_.outcomes(Outcome::kReleased), 0U);
    world_.share("M0q", Treatment::kBalanced);
    EXPECT_EQ(coming_.received.size(), 4U);
    coming_.accept_all();
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 5U);
}

TEST_P(ConsumerMoves, WithoutANextOneItIsReleasedAfterAMoment) {
    for (int i = 0; i < 4; ++i) {
        sender_.send(link_, "waits");
    }
    world_.run();
    leaving_.engine.detach(leaving_link_, {});
    world_.step();
    sender_.send(link_, "late");
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kModified), 2U);
    EXPECT_EQ(sender_.outcomes(Outcome::kReleased), 0U);
    EXPECT_EQ(sender_.engine.send_credit(link_), 0U) << "no more of that";
    world_.pass(150 * routing::kMillisecond);
    EXPECT_EQ(sender_.outcomes(Outcome::kReleased), 3U);
}

}  // namespace
}  // namespace amqmesh::link::test
