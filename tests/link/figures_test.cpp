// Figures of links and addresses that management shows, besides ages (ages_test.cpp).
#include "link/connection.h"
#include "link/origin_counts.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::Treatment;

TEST(OriginCounts, TellsManyRoutersApartAndIsBounded) {
    OriginCounts counts;
    for (int round = 0; round < 2; ++round) {
        for (routing::RouterId router = 1; router <= OriginCounts::kRoutersMax + 100; ++router) {
            counts.count(router);
        }
    }
    EXPECT_EQ(counts.all().size(), OriginCounts::kRoutersMax);
    std::uint64_t sum = 0;
    for (const OriginCounts::Count& count : counts.all()) {
        EXPECT_EQ(count.deliveries, 2U);
        sum += count.router;
    }
    EXPECT_EQ(sum, OriginCounts::kRoutersMax * (OriginCounts::kRoutersMax + 1) / 2);
}

/// A - B.
class Figures : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    void SetUp() override { world_.link(a_, b_); }

    TestClient& at(TestNode& node, ConnectionRole role = ConnectionRole::kNormal) {
        ConnectionOptions options;
        options.role = role;
        return world_.client(node, static_cast<std::uint16_t>(clients_++ % GetParam()), options);
    }

    void share(const std::string& address) {
        world_.run();
        world_.share("M0" + address, Treatment::kBalanced);
    }

    static void send(TestClient& client, LinkIndex link, int count) {
        for (int i = 0; i < count; ++i) {
            client.send(link, "x");
        }
    }

    /// All workers', as of now.
    PlaneSnapshot snapshot(TestNode& node) {
        node.snapshots.clear();
        for (std::uint16_t worker = 0; worker < node.workers(); ++worker) {
            node.command(worker,
                         command::TakeSnapshot{.request = 1, .links = true, .addresses = true},
                         world_.now);
        }
        node.settle(world_.now);
        PlaneSnapshot all;
        for (const auto& part : node.snapshots) {
            all.links.insert(all.links.end(), part->links.begin(), part->links.end());
            all.towards.insert(all.towards.end(), part->towards.begin(), part->towards.end());
            all.counters.container_ingress += part->counters.container_ingress;
            all.counters.container_egress += part->counters.container_egress;
            for (const AddressCounters& counters : part->addresses) {
                sum(all, counters);
            }
        }
        return all;
    }

    static AddressCounters of(const PlaneSnapshot& all, const std::string& key) {
        for (const AddressCounters& counters : all.addresses) {
            if (counters.hash == routing::hash_key(key)) {
                return counters;
            }
        }
        return {};
    }

    static LinkRow link(const PlaneSnapshot& all, const std::string& key, bool incoming) {
        for (const LinkRow& row : all.links) {
            if (row.owning_address == key && row.incoming == incoming) {
                return row;
            }
        }
        ADD_FAILURE() << "no such link";
        return {};
    }

    TestWorld world_;
    TestNode& a_ = world_.node("A", GetParam());
    TestNode& b_ = world_.node("B", GetParam());

  private:
    static void sum(PlaneSnapshot& all, const AddressCounters& counters) {
        for (AddressCounters& known : all.addresses) {
            if (known.hash == counters.hash) {
                known.container_ingress += counters.container_ingress;
                known.container_egress += counters.container_egress;
                known.from_node += counters.from_node;
                return;
            }
        }
        all.addresses.push_back(counters);
    }

    std::uint16_t clients_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, Figures, ::testing::Values(1, 2));

TEST_P(Figures, DeliveriesOfRouteContainersAreCountedApart) {
    auto& broker = at(b_, ConnectionRole::kRouteContainer);
    auto& client = at(b_);
    broker.receiver("to.broker", 100);
    client.receiver("from.broker", 100);
    share("to.broker");
    share("from.broker");
    const auto to = client.sender("to.broker");
    const auto from = broker.sender("from.broker");
    world_.run();
    send(client, to, 5);
    send(broker, from, 3);
    world_.run();
    for (int look = 0; look < 2; ++look) {  // looking changes nothing
        const auto all = snapshot(b_);
        EXPECT_EQ(all.counters.container_egress, 5U);
        EXPECT_EQ(all.counters.container_ingress, 3U);
        EXPECT_EQ(of(all, "M0to.broker").container_egress, 5U);
        EXPECT_EQ(of(all, "M0to.broker").container_ingress, 0U);
        EXPECT_EQ(of(all, "M0from.broker").container_ingress, 3U);
        EXPECT_EQ(of(all, "M0from.broker").container_egress, 0U);
    }
    send(broker, from, 4);
    world_.run();
    world_.cut(broker);
    world_.run();
    const auto all = snapshot(b_);
    EXPECT_EQ(all.counters.container_ingress, 7U) << "also what it sent just before it went";
    EXPECT_EQ(of(all, "M0from.broker").container_ingress, 7U);
    EXPECT_EQ(all.counters.container_egress, 5U);
}

TEST_P(Figures, ALinkToAConsumerKnowsWhereItsMessagesCameFrom) {
    auto& consumer = at(b_);
    consumer.receiver("q", 100);
    share("q");
    auto& near = at(b_);
    auto& far = at(a_);
    const auto near_link = near.sender("q");
    const auto far_link = far.sender("q");
    world_.run();
    send(near, near_link, 2);
    send(far, far_link, 9);
    world_.run();
    const auto row = link(snapshot(b_), "M0q", false);
    EXPECT_EQ(row.deliveries, 11U);
    ASSERT_EQ(row.origins.size(), 1U) << "those that entered here are the rest";
    EXPECT_EQ(row.origins[0].router, a_.id);
    EXPECT_EQ(row.origins[0].deliveries, 9U);
}

TEST_P(Figures, WhatIsUnderWayToAnotherRouterIsShownUntilItIsSettled) {
    auto& consumer = at(b_);
    consumer.receiver("q", 100);
    share("q");
    auto& sender = at(a_);
    const auto link = sender.sender("q");
    world_.run();
    send(sender, link, 6);
    world_.run();
    auto all = snapshot(a_);
    ASSERT_EQ(all.towards.size(), 1U);
    EXPECT_EQ(all.towards[0].address, routing::hash_key("M0q"));
    EXPECT_EQ(all.towards[0].router, b_.id);
    EXPECT_EQ(all.towards[0].deliveries, 6U);
    consumer.accept_all();
    world_.run();
    EXPECT_TRUE(snapshot(a_).towards.empty());
}

TEST_P(Figures, WhatNoConsumerIsFreeForCountsAsUndeliveredOfItsSendersLink) {
    auto& one = at(b_);
    auto& two = at(b_);
    const auto first = one.receiver("q", 1);
    two.receiver("q", 1);
    share("q");
    auto& sender = at(b_);
    const auto from = sender.sender("q");
    world_.run();
    send(sender, from, 7);
    world_.run();
    auto row = link(snapshot(b_), "M0q", true);
    EXPECT_EQ(row.unsettled, 7U);
    EXPECT_EQ(row.undelivered, 5U) << "two consumers have one each";
    one.accept_all();
    one.engine.set_credit(first, 3);
    world_.run();
    row = link(snapshot(b_), "M0q", true);
    EXPECT_EQ(row.undelivered, 2U);
}

TEST_P(Figures, MessagesOfTheNodeItselfAreCountedByAddress) {
    auto& asker = at(b_);
    asker.receiver("replies", 10);
    share("replies");
    for (int i = 0; i < 3; ++i) {
        b_.command(0, command::Originate{"replies", "reply"}, world_.now);
    }
    world_.run();
    EXPECT_EQ(asker.received.size(), 3U);
    EXPECT_EQ(of(snapshot(b_), "M0replies").from_node, 3U);
}

TEST_P(Figures, AConnectionIsTracedWhileThatIsWanted) {
    auto& client = at(b_);
    client.receiver("q", 10'000);
    const auto link = client.sender("q");
    world_.run();
    const LinkRow row = this->link(snapshot(b_), "M0q", true);
    const auto trace = [&](bool on) {
        b_.command(row.connection.worker, command::Trace{row.connection, on}, world_.now);
    };
    EXPECT_TRUE(b_.frames.empty());
    trace(true);
    send(client, link, 2);
    world_.run();
    ASSERT_GE(b_.frames.size(), 4U) << "two came and two went, at least";
    EXPECT_EQ(b_.frames[0].connection_number, row.connection_number);
    EXPECT_TRUE(b_.frames[0].text.starts_with("<- ch=0 transfer")) << b_.frames[0].text;
    for (int i = 0; i < 20; ++i) {
        send(client, link, 100);
        world_.run();
        client.accept_all();
        world_.run();
    }
    EXPECT_EQ(b_.frames.size(), Connection::kFramesTraced) << "no more in a second";
    world_.pass(2 * routing::kSecond);
    send(client, link, 1);
    world_.run();
    ASSERT_GT(b_.frames.size(), std::size_t{Connection::kFramesTraced});
    EXPECT_GT(b_.frames[Connection::kFramesTraced].left_out, 1000U);
    trace(false);
    const auto before = b_.frames.size();
    send(client, link, 1);
    world_.run();
    EXPECT_EQ(b_.frames.size(), before);
}

TEST_P(Figures, PriorityIsTheConfiguredOne) {
    const auto settings = std::make_shared<const routing::AddressSettings>(
        std::vector<routing::AddressRule>{{"", "urgent/#", Treatment::kBalanced, 9}},
        Treatment::kBalanced);
    b_.builder.set_settings(settings);
    b_.publish(world_.now);
    auto& client = at(b_);
    client.receiver("urgent/a", 1);
    client.receiver("plain", 1);
    world_.run();
    const auto all = snapshot(b_);
    EXPECT_EQ(link(all, "M0urgent/a", false).priority, 9);
    EXPECT_EQ(link(all, "M0plain", false).priority, 4);
    EXPECT_TRUE(link(all, "M0plain", false).up);
}

}  // namespace
}  // namespace amqmesh::link::test
