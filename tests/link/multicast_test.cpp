// Multicast over a mesh whose routers do not see the same graph: at most once always, and lost only
// where no tree leads (ROUTING 1.7).
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::Treatment;

/// Costs of the links between routers, by position; 0: none.
constexpr std::size_t kNodes = 5;
using View = std::array<std::array<routing::Cost, kNodes>, kNodes>;

View no_links() {
    View view{};
    return view;
}

void connect(View& view, std::size_t a, std::size_t b, routing::Cost cost) {
    view[a][b] = view[b][a] = cost;
}

/// From N0 to N3, and N4 behind it, by N1 or by N2; the way by N2 costs 10.
View two_ways(routing::Cost from_1_to_3) {
    View view = no_links();
    connect(view, 0, 1, 1);
    connect(view, 1, 3, from_1_to_3);
    connect(view, 0, 2, 5);
    connect(view, 2, 3, 5);
    connect(view, 3, 4, 1);
    return view;
}

class Multicast : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    void SetUp() override {
        const auto settings = std::make_shared<const routing::AddressSettings>(
            std::vector<routing::AddressRule>{{"", "all/#", Treatment::kMulticast, {}}},
            Treatment::kBalanced);
        for (std::size_t i = 0; i < kNodes; ++i) {
            nodes_.push_back(&world_.node("N" + std::to_string(i), GetParam()));
            nodes_.back()->builder.set_settings(settings);
            nodes_.back()->publish(world_.now);
        }
        for (std::size_t i = 0; i < kNodes; ++i) {
            for (std::size_t k = i + 1; k < kNodes; ++k) {
                world_.link(*nodes_[i], *nodes_[k]);
            }
        }
        const auto last = static_cast<std::uint16_t>(GetParam() - 1);
        for (auto* node : nodes_) {
            clients_.push_back(&world_.client(*node, last));
            clients_.back()->receiver("all/x", 1000);
            for (auto* other : nodes_) {
                if (node != other) {
                    world_.route(*node, *other, *other, 1);
                }
            }
        }
        world_.run();
        world_.share("M0all/x", Treatment::kMulticast);
        sender_ = clients_[0]->sender("all/x");
        world_.run();
    }

    /// The router publishes the graph; equal views give equal digests.
    void see(std::size_t self, const View& view) {
        std::vector<std::size_t> order = {0, 1, 2, 3, 4};
        std::ranges::sort(order, {}, [&](std::size_t i) { return nodes_[i]->id; });
        routing::Topology topology;
        topology.version = ++versions_;
        topology.digest = 0x9e3779b97f4a7c15ULL;
        for (const auto i : order) {
            topology.ids.push_back(nodes_[i]->id);
            topology.names.push_back(nodes_[i]->name);
            topology.incarnations.push_back(1);
            topology.no_transit.push_back(false);
            topology.first.push_back(static_cast<std::uint32_t>(topology.edges.size()));
            for (std::size_t to = 0; to < kNodes; ++to) {
                const auto cost = view[i][order[to]];
                topology.digest = (topology.digest ^ cost) * 0xff51afd7ed558ccdULL;
                if (cost != 0) {
                    const auto adjacency =
                        i == self ? world_.adjacency(*nodes_[i], *nodes_[order[to]]) : 0U;
                    topology.edges.push_back({static_cast<std::uint32_t>(to), cost, adjacency});
                }
            }
        }
        topology.first.push_back(static_cast<std::uint32_t>(topology.edges.size()));
        topology.self = topology.index_of(nodes_[self]->id);
        nodes_[self]->builder.set_topology(std::make_shared<const routing::Topology>(topology));
        nodes_[self]->publish(world_.now);
    }

    void all_see(const View& view) {
        for (std::size_t i = 0; i < kNodes; ++i) {
            see(i, view);
        }
    }

    /// Sends one and accepts every copy. How many copies each router's consumer got.
    std::array<std::size_t, kNodes> send() {
        last_ = clients_[0]->send(sender_, "x");
        world_.run();
        std::array<std::size_t, kNodes> copies{};
        for (std::size_t i = 0; i < kNodes; ++i) {
            copies[i] = clients_[i]->received.size();
            clients_[i]->accept_all();
        }
        world_.run();
        for (auto* client : clients_) {
            client->received.clear();
        }
        return copies;
    }

    static constexpr std::array<std::size_t, kNodes> kOnceEach = {1, 1, 1, 1, 1};

    TestWorld world_;
    std::vector<TestNode*> nodes_;
    std::vector<TestClient*> clients_;
    LinkIndex sender_ = 0;
    std::uint64_t versions_ = 0;
    std::uint64_t last_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, Multicast, ::testing::Values(1, 2));

TEST_P(Multicast, EveryoneOnceWhereAllAgree) {
    View view = no_links();
    for (std::size_t i = 0; i < kNodes; ++i) {
        connect(view, i, (i + 1) % kNodes, 1);
    }
    all_see(view);
    EXPECT_EQ(send(), kOnceEach);
    EXPECT_EQ(clients_[0]->sent[last_].outcome, Outcome::kAccepted);
}

// N1 knows of the way round N2 already, N0 not yet: its label names a tree that N1 remembers.
TEST_P(Multicast, TransitFollowsTheTreeItRemembers) {
    View old = two_ways(1);
    View next = old;
    connect(next, 1, 3, 20);
    all_see(old);
    see(1, next);
    EXPECT_EQ(send(), kOnceEach);
    see(3, next);
    see(4, next);
    EXPECT_EQ(send(), kOnceEach);
    EXPECT_EQ(clients_[0]->sent[last_].outcome, Outcome::kAccepted);
}

// N0 knows of a better way over N1, N1 not yet: to it, N3 is not below N0.
TEST_P(Multicast, TransitThatKnowsNoSuchTreeAsksAllNeighbours) {
    View old = two_ways(20);
    View next = old;
    connect(next, 1, 3, 1);
    all_see(old);
    see(0, next);
    EXPECT_EQ(send(), kOnceEach);
    EXPECT_EQ(clients_[0]->sent[last_].outcome, Outcome::kAccepted);
}

// The fifth graph back is forgotten: then every neighbour is asked, which finds the way, too.
TEST_P(Multicast, ForgottenTreesDoNotLoseAnything) {
    View view = two_ways(1);
    all_see(view);
    for (routing::Cost cost = 20; cost < 26; ++cost) {
        connect(view, 1, 3, cost);
        see(1, view);
        see(3, view);
        EXPECT_EQ(send(), kOnceEach) << cost;
    }
}

// The link went and came back between the two graphs: the remembered tree goes over the new one.
TEST_P(Multicast, RememberedTreesUseTheLinksOfToday) {
    View old = two_ways(1);
    View next = old;
    connect(next, 1, 3, 20);
    all_see(old);
    world_.cut(*nodes_[1], *nodes_[3]);
    world_.run();
    world_.link(*nodes_[1], *nodes_[3]);
    see(1, next);
    see(3, next);
    EXPECT_EQ(send(), kOnceEach);
}

// Whatever each router believes, as long as the links of the sender's tree are there.
TEST_P(Multicast, EveryoneOnceWhateverTheyBelieve) {
    std::uint64_t random = 12345;
    const auto below = [&](std::uint64_t bound) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        return (random >> 33U) % bound;
    };
    View view = no_links();
    for (int round = 0; round < 200; ++round) {
        for (std::size_t i = 0; i < kNodes; ++i) {
            connect(view, i, (i + 1) % kNodes, static_cast<routing::Cost>(1 + below(9)));
            connect(view, i, (i + 2) % kNodes, static_cast<routing::Cost>(1 + below(9)));
        }
        if (round == 0) {
            all_see(view);
        }
        for (std::size_t i = 0; i < kNodes; ++i) {
            if (below(2) == 0) {
                see(i, view);
            }
        }
        ASSERT_EQ(send(), kOnceEach) << "round " << round;
        ASSERT_EQ(clients_[0]->sent[last_].outcome, Outcome::kAccepted);
    }
}

TEST(MulticastCopies, MoreThanSixteenBitsCount) {
    TestWorld world;
    auto& node = world.node("A");
    node.builder.set_settings(std::make_shared<const routing::AddressSettings>(
        std::vector<routing::AddressRule>{{"", "all/#", Treatment::kMulticast, {}}},
        Treatment::kBalanced));
    node.publish(world.now);
    // Two consumers, each known 33,000 times: as many links would take the test too long.
    constexpr std::size_t kEach = 33'000;
    std::vector<TestClient*> clients{&world.client(node), &world.client(node)};
    for (auto* client : clients) {
        client->receiver("all/q", kEach);
    }
    world.run();
    ASSERT_EQ(node.consumers.size(), clients.size());
    for (const auto& up : node.consumers) {
        for (std::size_t i = 1; i < kEach; ++i) {
            node.builder.add_consumer(up.key, up.treatment, up.consumer);
        }
    }
    node.publish(world.now);
    auto& sender = world.client(node);
    const auto link = sender.sender("all/q");
    world.run();
    const auto number = sender.send(link, "x");
    world.run();
    ASSERT_EQ(clients[0]->received.size(), kEach);
    ASSERT_EQ(clients[1]->received.size(), kEach);
    clients[0]->accept_all();
    world.run();
    EXPECT_FALSE(sender.sent[number].settled);
    clients[1]->accept_all();
    world.run();
    EXPECT_TRUE(sender.sent[number].settled);
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kAccepted);
}

/// One sender on the first worker, consumers on others.
TEST(MulticastCopies, WhatWasOnItsWayToAnEndedCopyIsHeldNoLonger) {
    TestWorld world;
    auto& node = world.node("A", 3);
    node.builder.set_settings(std::make_shared<const routing::AddressSettings>(
        std::vector<routing::AddressRule>{{"", "all/#", Treatment::kMulticast, {}}},
        Treatment::kBalanced));
    node.publish(world.now);
    auto& sender = world.client(node, 0);
    auto& leaving = world.client(node, 1);
    auto& staying = world.client(node, 2);
    std::vector<LinkIndex> receivers;
    for (int i = 0; i < 60; ++i) {
        receivers.push_back(leaving.receiver("all/q", 10));
    }
    staying.receiver("all/q", 10);
    const auto link = sender.sender("all/q");
    world.run();
    const auto number = sender.send(link, "x", false, true);
    world.run();
    ASSERT_EQ(leaving.received.size(), receivers.size());
    // In one round: 60 x 100 KB go to the other worker, where nobody is left to take them.
    const std::string piece(100'000, 'p');
    ASSERT_EQ(sender.write(link, piece, true), piece.size());
    for (const auto receiver : receivers) {
        leaving.engine.detach(receiver, {});
    }
    world.run();
    std::string rest(4'000'000, 'r');
    for (int turn = 0; turn < 1000 && !rest.empty(); ++turn) {
        rest.erase(0, sender.write(link, rest, true));
        world.run();
    }
    EXPECT_TRUE(rest.empty()) << rest.size() << " bytes found no room";
    sender.write(link, "end", false);
    world.run();
    ASSERT_EQ(staying.received.size(), 1U);
    EXPECT_TRUE(staying.received[0].complete);
    EXPECT_EQ(staying.received[0].body.size(), 1 + piece.size() + 4'000'000 + 3);
    staying.accept_all();
    world.run();
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kAccepted);
}

}  // namespace
}  // namespace amqmesh::link::test
