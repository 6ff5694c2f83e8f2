// Order across a change of routes (ROUTING 1.5): A reaches D by B or by C, and X lies before A.
#include "link/delivery.h"
#include "routing/detour.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::kMillisecond;
using routing::Treatment;

class Pins : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    void SetUp() override {
        world_.link(x_, a_);
        world_.link(a_, b_);
        world_.link(a_, c_);
        world_.link(b_, d_);
        world_.link(c_, d_);
        world_.route(x_, d_, a_, 3);
        world_.route(a_, d_, b_, 2);
        world_.route(d_, a_, b_, 2);
        world_.route(d_, x_, b_, 3);
        world_.route(b_, x_, a_, 2);
        world_.route(c_, x_, a_, 2);
        receiver_ = &world_.client(d_, last_);
        receiver_->receiver("q", 500);
        world_.run();
        world_.share("M0q", Treatment::kClosest);
    }

    LinkIndex sender_at(TestNode& node) {
        sender_ = &world_.client(node, last_);
        const auto link = sender_->sender("q");
        world_.run();
        return link;
    }

    void send(LinkIndex link, int count) {
        for (int i = 0; i < count; ++i) {
            sender_->send(link, std::to_string(++sent_));
        }
        world_.run();
    }

    // Bodies are numbers; the highest one after which a lower one came, or 0.
    [[nodiscard]] int overtaken() const {
        int highest = 0;
        for (const auto& delivery : receiver_->received) {
            const int number = std::stoi(delivery.body);
            if (number < highest) {
                return highest;
            }
            highest = number;
        }
        return 0;
    }

    TestWorld world_;
    TestNode& x_ = world_.node("X", GetParam());
    TestNode& a_ = world_.node("A", GetParam());
    TestNode& b_ = world_.node("B", GetParam());
    TestNode& c_ = world_.node("C", GetParam());
    TestNode& d_ = world_.node("D", GetParam());
    std::uint16_t last_ = static_cast<std::uint16_t>(GetParam() - 1);
    TestClient* receiver_ = nullptr;
    TestClient* sender_ = nullptr;
    int sent_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, Pins, ::testing::Values(1, 2));

TEST_P(Pins, WhatFollowsWaitsForWhatIsOnTheOldWay) {
    const auto link = sender_at(a_);
    send(link, 3);
    ASSERT_EQ(receiver_->received.size(), 3U);
    world_.route(a_, d_, c_, 2);
    send(link, 2);
    EXPECT_EQ(receiver_->received.size(), 3U) << "held back: the first three are not settled";
    receiver_->accept_all();
    world_.run();
    EXPECT_EQ(receiver_->received.size(), 5U);
    send(link, 1);
    EXPECT_EQ(receiver_->received.size(), 6U) << "the flow is on its new way";
    receiver_->accept_all();
    world_.run();
    EXPECT_EQ(sender_->outcomes(Outcome::kAccepted), 6U);
    EXPECT_EQ(overtaken(), 0);
}

TEST_P(Pins, TransitNodesHoldBackToo) {
    const auto link = sender_at(x_);
    send(link, 3);
    world_.route(a_, d_, c_, 2);
    send(link, 2);
    EXPECT_EQ(receiver_->received.size(), 3U);
    receiver_->accept_all();
    world_.run();
    ASSERT_EQ(receiver_->received.size(), 5U);
    EXPECT_EQ(overtaken(), 0);
}

// A consumer that takes its time has them all: nothing is on the way that could be overtaken.
TEST_P(Pins, NotForLongerThanAnythingIsOnItsWay) {
    const auto link = sender_at(a_);
    send(link, 3);
    world_.route(a_, d_, c_, 2);
    send(link, 2);
    world_.pass(200 * kMillisecond);
    EXPECT_EQ(receiver_->received.size(), 5U);
    receiver_->accept_all();
    world_.run();
    EXPECT_EQ(sender_->outcomes(Outcome::kAccepted), 5U);
}

// Those of a pin whose time was over are still under way when the next one begins.
TEST_P(Pins, BeginsAnewWithEachChange) {
    const auto link = sender_at(a_);
    send(link, 2);
    world_.route(a_, d_, c_, 2);
    world_.pass(200 * kMillisecond);
    send(link, 1);
    ASSERT_EQ(receiver_->received.size(), 3U);
    world_.route(a_, d_, b_, 2);
    send(link, 1);
    EXPECT_EQ(receiver_->received.size(), 3U) << "the third one went by C";
    receiver_->accept_all();
    world_.run();
    EXPECT_EQ(receiver_->received.size(), 4U);
    EXPECT_EQ(overtaken(), 0);
}

TEST_P(Pins, OtherFlowsDoNotWait) {
    const auto link = sender_at(a_);
    send(link, 3);
    auto& other = world_.client(a_, last_);
    const auto other_link = other.sender("q");
    world_.run();
    world_.route(a_, d_, c_, 2);
    other.send(other_link, "4");
    world_.run();
    EXPECT_EQ(receiver_->received.size(), 4U);
}

TEST_P(Pins, NobodyWaitsForALostLink) {
    const auto link = sender_at(a_);
    send(link, 3);
    world_.cut(a_, b_);
    world_.run();
    world_.route(a_, d_, c_, 2);
    send(link, 2);
    EXPECT_EQ(sender_->outcomes(Outcome::kModified), 3U);
    EXPECT_EQ(receiver_->received.size(), 5U);
}

// Back and forth while everything is under way, a part of it at every hop.
TEST_P(Pins, OrderHoldsThroughManyChanges) {
    const auto link = sender_at(x_);
    for (int change = 0; change < 40; ++change) {
        for (int i = 0; i < 5; ++i) {
            sender_->send(link, std::to_string(++sent_));
            world_.step();
        }
        auto& by = change % 2 == 0 ? c_ : b_;
        a_.builder.set_route(d_.id, d_.name, 2, {world_.adjacency(a_, by)});
        a_.publish(world_.now);
        receiver_->accept_all();
    }
    for (int i = 0; i < 50; ++i) {
        world_.run();
        receiver_->accept_all();
    }
    EXPECT_EQ(receiver_->received.size(), static_cast<std::size_t>(sent_));
    EXPECT_EQ(sender_->outcomes(Outcome::kAccepted), static_cast<std::size_t>(sent_));
    EXPECT_EQ(overtaken(), 0);
}

TEST_P(Pins, AStreamThatBeginsMeanwhileArrivesWhole) {
    const auto link = sender_at(a_);
    send(link, 1);
    world_.route(a_, d_, c_, 2);
    const auto number = sender_->send(link, "begin", false, true);
    world_.run();
    receiver_->accept_all();
    world_.run();
    sender_->write(link, "-end", false);
    world_.run();
    ASSERT_EQ(receiver_->received.size(), 2U);
    EXPECT_EQ(receiver_->received[1].body, "begin-end");
    receiver_->accept_all();
    world_.run();
    EXPECT_EQ(sender_->sent[number].outcome, Outcome::kAccepted);
}

TEST_P(Pins, ASenderThatLeavesTakesNothingAlong) {
    const auto link = sender_at(a_);
    send(link, 2);
    world_.route(a_, d_, c_, 2);
    send(link, 2);
    world_.cut(*sender_);
    world_.run();
    receiver_->accept_all();
    world_.run();
    EXPECT_EQ(receiver_->received.size(), 4U) << "what was sent whole is delivered";
}

// Two nodes' numbers and a cost.
using Wire = std::array<std::size_t, 3>;

// The graph as one node sees it.
std::shared_ptr<const routing::Topology> graph(const TestWorld& world,
                                               const TestNode& self,
                                               const std::vector<const TestNode*>& nodes,
                                               const std::vector<Wire>& links) {
    auto topology = std::make_shared<routing::Topology>();
    auto sorted = nodes;
    std::ranges::sort(sorted, {}, &TestNode::id);
    const auto index = [&](const TestNode* node) {
        return static_cast<std::uint32_t>(std::ranges::find(sorted, node) - sorted.begin());
    };
    topology->version = links.size();
    topology->digest = links.size() << 48U;
    topology->self = index(&self);
    for (const auto* node : sorted) {
        topology->ids.push_back(node->id);
        topology->names.push_back(node->name);
        topology->incarnations.push_back(1);
        topology->no_transit.push_back(false);
        topology->first.push_back(static_cast<std::uint32_t>(topology->edges.size()));
        for (const auto& [a, b, cost] : links) {
            if (nodes[a] != node && nodes[b] != node) {
                continue;
            }
            const auto* far = nodes[nodes[a] == node ? b : a];
            topology->edges.push_back({index(far),
                                       static_cast<routing::Cost>(cost),
                                       node == &self ? world.adjacency(self, *far) : 0});
        }
        std::sort(topology->edges.begin() + topology->first.back(),
                  topology->edges.end(),
                  [](const auto& x, const auto& y) { return x.to < y.to; });
    }
    topology->first.push_back(static_cast<std::uint32_t>(topology->edges.size()));
    return topology;
}

class WayRound : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    void SetUp() override {
        world_.link(a_, b_);
        world_.link(b_, c_);
        world_.link(c_, d_);
        world_.link(a_, d_);
        world_.route(a_, d_, b_, 3);
        world_.route(d_, a_, c_, 3);
        world_.route(c_, a_, b_, 2);
        receiver_ = &world_.client(d_, last_);
        sender_ = &world_.client(a_, last_);
        receiver_->receiver("q", 10);
        link_ = sender_->sender("q");
        world_.run();
        world_.share("M0q", Treatment::kClosest);
    }

    // B hears of a new short way, over A, that A does not know of yet.
    void shorten(const std::vector<Wire>& links) {
        b_.builder.set_topology(graph(world_, b_, {&a_, &b_, &c_, &d_}, links));
        b_.publish(world_.now);
        auto more = links;
        more.push_back({0, 3, 1});
        b_.builder.set_topology(graph(world_, b_, {&a_, &b_, &c_, &d_}, more));
        world_.route(b_, d_, a_, 2);
        b_.publish(world_.now);
    }

    // B hears that its link to C is lost, and that it is left with the long way by A. `seen`: it
    // knew that A's way was by itself.
    void lose(bool seen) {
        const std::vector<Wire> all = {{0, 1, 1}, {1, 2, 1}, {2, 3, 1}, {0, 3, 9}};
        const std::vector<Wire> less = {{0, 1, 1}, {2, 3, 1}, {0, 3, 9}};
        b_.builder.set_topology(graph(world_, b_, {&a_, &b_, &c_, &d_}, seen ? all : less));
        b_.publish(world_.now);
        b_.builder.set_topology(graph(world_, b_, {&a_, &b_, &c_, &d_}, less));
        world_.route(b_, d_, a_, 10);
        b_.publish(world_.now);
    }

    void send(int count) {
        for (int i = 0; i < count; ++i) {
            sender_->send(link_, std::to_string(++sent_));
        }
        world_.run();
    }

    // All arrived, in order, and were accepted.
    void expect_all() {
        for (std::size_t i = 0; i < receiver_->received.size(); ++i) {
            EXPECT_EQ(receiver_->received[i].body, std::to_string(i + 1));
        }
        for (int i = 0; i < 3; ++i) {
            receiver_->accept_all();
            world_.run();
        }
        EXPECT_EQ(receiver_->received.size(), static_cast<std::size_t>(sent_));
        EXPECT_EQ(sender_->outcomes(Outcome::kAccepted), static_cast<std::size_t>(sent_));
    }

    TestWorld world_;
    TestNode& a_ = world_.node("A", GetParam());
    TestNode& b_ = world_.node("B", GetParam());
    TestNode& c_ = world_.node("C", GetParam());
    TestNode& d_ = world_.node("D", GetParam());
    std::uint16_t last_ = static_cast<std::uint16_t>(GetParam() - 1);
    TestClient* receiver_ = nullptr;
    TestClient* sender_ = nullptr;
    LinkIndex link_ = 0;
    int sent_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, WayRound, ::testing::Values(1, 2));

TEST_P(WayRound, InsteadOfBackWhereItCameFrom) {
    shorten({{0, 1, 1}, {1, 2, 3}, {2, 3, 1}});
    sender_->send(link_, "1");
    world_.run();
    ASSERT_EQ(receiver_->received.size(), 1U) << "by C, whose way is the same before and after";
    receiver_->accept_all();
    world_.run();
    EXPECT_EQ(sender_->outcomes(Outcome::kAccepted), 1U);
}

TEST_P(WayRound, WaitsWhenNoOtherIsSafe) {
    shorten({{0, 1, 1}, {1, 2, 1}, {2, 3, 9}});
    sender_->send(link_, "1");
    world_.run();
    EXPECT_TRUE(receiver_->received.empty()) << "C's way leads back here once it has heard";
    world_.route(b_, d_, c_, 2);
    EXPECT_EQ(receiver_->received.size(), 1U);
}

TEST_P(WayRound, WaitsWhenTheNewsIsOld) {
    shorten({{0, 1, 1}, {1, 2, 3}, {2, 3, 1}});
    world_.now += routing::kDetourTime;
    sender_->send(link_, "1");
    world_.run();
    EXPECT_TRUE(receiver_->received.empty()) << "it may be B that has not heard of something";
}

// The news is ahead of it: A waits for it to be taken in.
TEST_P(WayRound, BackToWhoHadNotHeardOfALoss) {
    lose(true);
    send(2);
    EXPECT_TRUE(receiver_->received.empty()) << "at A, where it came from";
    world_.route(a_, d_, d_, 9);
    EXPECT_EQ(receiver_->received.size(), 2U);
    expect_all();
}

// What follows at A waits for what is under way by B; that itself, coming back, does not.
TEST_P(WayRound, BackInFrontOfWhatFollows) {
    lose(true);
    for (int i = 0; i < 2; ++i) {
        sender_->send(link_, std::to_string(++sent_));
        world_.step();
        world_.step();
    }
    a_.builder.set_route(d_.id, d_.name, 9, {world_.adjacency(a_, d_)});
    a_.publish(world_.now);
    send(3);
    EXPECT_EQ(receiver_->received.size(), 2U) << "the rest follows when these are settled";
    expect_all();
}

TEST_P(WayRound, BackUnexplainedWhenNoNewsComes) {
    lose(false);
    a_.builder.set_route(d_.id, d_.name, 9, {world_.adjacency(a_, d_)});
    send(1);
    EXPECT_TRUE(receiver_->received.empty());
    a_.publish(world_.now);
    world_.run();
    EXPECT_TRUE(receiver_->received.empty()) << "B waits for news";
    world_.pass(2 * routing::kNewsTime);
    ASSERT_EQ(receiver_->received.size(), 1U);
    expect_all();
}

}  // namespace
}  // namespace amqmesh::link::test
