#include "routing/forwarding_table.h"

#include "routing/address_key.h"

#include <gtest/gtest.h>

namespace amqmesh::routing {
namespace {

constexpr RouterId kSelf = 11;
constexpr RouterId kPeer = 22;

LocalConsumer consumer(std::uint32_t link) {
    return {{{0, 1, 1}, link, 1}, link};
}

TEST(ForwardingTable, SnapshotsNeverChange) {
    ForwardingTableBuilder builder(kSelf, "A");
    TableChange change;
    builder.add_consumer("M0x", Treatment::kClosest, consumer(1));
    const auto first = builder.publish(change);
    EXPECT_EQ(change.addresses, std::vector<AddressHash>{hash_key("M0x")});
    builder.add_consumer("M0x", Treatment::kClosest, consumer(2));
    builder.add_consumer("M0y", Treatment::kClosest, consumer(3));
    const auto second = builder.publish(change);

    ASSERT_NE(first->find(hash_key("M0x")), nullptr);
    EXPECT_EQ(first->find(hash_key("M0x"))->local.size(), 1U);
    EXPECT_EQ(first->find(hash_key("M0y")), nullptr);
    EXPECT_EQ(second->find(hash_key("M0x"))->local.size(), 2U);
    EXPECT_GT(second->generation(), first->generation());
}

TEST(ForwardingTable, AnAddressWithoutConsumersIsForgotten) {
    ForwardingTableBuilder builder(kSelf, "A");
    TableChange change;
    builder.add_consumer("M0x", Treatment::kClosest, consumer(1));
    builder.set_remote("M0x", Treatment::kClosest, kPeer, 1, true);
    builder.publish(change);
    builder.remove_consumer("M0x", consumer(1).id);
    EXPECT_EQ(builder.local_count("M0x"), 0U);
    EXPECT_NE(builder.publish(change)->find(hash_key("M0x")), nullptr);
    builder.set_remote("M0x", Treatment::kClosest, kPeer, 1, false);
    EXPECT_EQ(builder.publish(change)->find(hash_key("M0x")), nullptr);
}

TEST(ForwardingTable, ARemoteConsumerCountsOnlyWhileItsRouterIsReachable) {
    ForwardingTableBuilder builder(kSelf, "A");
    TableChange change;
    const ConnectionId connection{0, 5, 1};
    builder.set_remote("M0x", Treatment::kBalanced, kPeer, 1, true);
    auto table = builder.publish(change);
    EXPECT_FALSE(change.all);
    EXPECT_FALSE(table->routable(*table->find(hash_key("M0x"))));

    builder.set_adjacency(7, &connection);
    builder.set_route(kPeer, "B", 3, {7});
    table = builder.publish(change);
    EXPECT_TRUE(change.all);
    EXPECT_TRUE(table->routable(*table->find(hash_key("M0x"))));
    ASSERT_NE(table->route(kPeer), nullptr);
    EXPECT_EQ(table->route(kPeer)->next_hops, std::vector<ConnectionId>{connection});
    EXPECT_EQ(table->route(kPeer)->cost, 3U);

    builder.set_adjacency(7, nullptr);  // the connection is gone before the core has said so
    table = builder.publish(change);
    EXPECT_EQ(table->route(kPeer), nullptr);
    EXPECT_FALSE(table->routable(*table->find(hash_key("M0x"))));
}

// Routers are numbered for as long as they have consumers; each snapshot knows its own numbers.
TEST(ForwardingTable, ANumberIsUsedAgainButNotConfused) {
    constexpr RouterId kOther = 33;
    ForwardingTableBuilder builder(kSelf, "A");
    TableChange change;
    const ConnectionId connection{0, 5, 1};
    builder.set_adjacency(7, &connection);
    builder.set_route(kPeer, "B", 3, {7});
    builder.set_remote("M0x", Treatment::kBalanced, kPeer, 0, true);
    builder.set_remote("M0y", Treatment::kBalanced, kPeer, 1, true);
    const auto first = builder.publish(change);
    builder.set_remote("M0x", Treatment::kBalanced, kPeer, 1, false);
    builder.set_remote("M0y", Treatment::kBalanced, kOther, 700, true);
    const auto second = builder.publish(change);
    builder.set_remote("M0y", Treatment::kBalanced, kPeer, 1, false);
    builder.set_remote("M0z", Treatment::kBalanced, 44, 1, true);
    const auto third = builder.publish(change);

    const auto& old = first->find(hash_key("M0x"))->remote.at(0);
    EXPECT_EQ(first->router(old), kPeer);
    EXPECT_EQ(first->route(old), first->route(kPeer));
    EXPECT_EQ(old.weight(), 0U);
    const auto& both = second->find(hash_key("M0y"))->remote;
    ASSERT_EQ(both.size(), 2U) << "ascending by router";
    EXPECT_EQ(second->router(both[0]), kPeer);
    EXPECT_EQ(second->router(both[1]), kOther);
    EXPECT_EQ(second->route(both[1]), nullptr);
    EXPECT_EQ(both[1].weight(), 255U);
    EXPECT_EQ(third->router(third->find(hash_key("M0y"))->remote.at(0)), kOther);
    const auto& newest = third->find(hash_key("M0z"))->remote.at(0);
    EXPECT_EQ(third->router(newest), 44U);
    EXPECT_EQ(newest.number(), old.number()) << "its former owner has no consumers any more";
    EXPECT_TRUE(first->routable(*first->find(hash_key("M0y"))));
    EXPECT_FALSE(third->routable(*third->find(hash_key("M0y"))));
}

TEST(ForwardingTable, InProcessSubscribersAreConsumers) {
    ForwardingTableBuilder builder(kSelf, "A");
    TableChange change;
    builder.set_in_process("L$management", InProcess::kManagement);
    const auto table = builder.publish(change);
    ASSERT_NE(table->find(hash_key("L$management")), nullptr);
    EXPECT_TRUE(table->routable(*table->find(hash_key("L$management"))));
}

TEST(ForwardingTable, AddressesInUseFollowChangedSettings) {
    ForwardingTableBuilder builder(kSelf, "A");
    TableChange change;
    builder.add_consumer("M0x/1", Treatment::kBalanced, consumer(1));
    builder.add_consumer("M0y/1", Treatment::kBalanced, consumer(2));
    builder.set_remote("M0z/1", Treatment::kClosest, kPeer, 1, true);
    builder.publish(change);
    const auto settings = [](std::vector<AddressRule> rules) {
        return std::make_shared<const AddressSettings>(std::move(rules), Treatment::kBalanced);
    };
    const auto treatment = [&](const std::string& key) {
        return builder.publish(change)->find(hash_key(key))->treatment;
    };
    builder.set_settings(settings({{"", "x/#", Treatment::kMulticast, {}}}));
    const auto table = builder.publish(change);
    EXPECT_EQ(change.addresses, std::vector<AddressHash>{hash_key("M0x/1")});
    EXPECT_EQ(table->find(hash_key("M0x/1"))->treatment, Treatment::kMulticast);
    EXPECT_EQ(table->find(hash_key("M0y/1"))->treatment, Treatment::kBalanced);
    EXPECT_EQ(treatment("M0z/1"), Treatment::kClosest)
        << "as its router says: nothing changed here";
    builder.set_settings(settings({{"", "x/#", Treatment::kUnavailable, {}}}));
    EXPECT_EQ(treatment("M0x/1"), Treatment::kMulticast) << "who is there may finish";
    builder.set_settings(settings({}));
    EXPECT_EQ(treatment("M0x/1"), Treatment::kBalanced);
}

TEST(AddressKey, OneKeyForAllSpellings) {
    for (const char* text :
         {"a/b", "/a/b", "a/b/", "amqp:/a/b", "amqp://host:5672/a/b", "amqps://h/a/b"}) {
        const auto key = parse_address(text, "A");
        ASSERT_TRUE(key) << text;
        EXPECT_EQ(key->key(), "M0a/b") << text;
    }
}

TEST(AddressKey, ClassesOfTheMesh) {
    EXPECT_EQ(parse_address("_local/x", "A")->key(), "Lx");
    EXPECT_EQ(parse_address("_topo/0/A/x/y", "A")->kind, AddressClass::kLocal);
    const auto other = parse_address("amqp:/_topo/0/B/temp.1", "A");
    EXPECT_EQ(other->kind, AddressClass::kTopological);
    EXPECT_EQ(other->router, "B");
    EXPECT_EQ(other->key(), "Ltemp.1");
    EXPECT_EQ(parse_address("_topo/0/all/x", "A")->kind, AddressClass::kAllRouters);
}

TEST(AddressKey, WhatIsNoAddress) {
    for (const char* text : {"", "/", "amqp://host", "_topo/1/A/x", "_topo/0/A", "_topo/0//x"}) {
        EXPECT_FALSE(parse_address(text, "A")) << text;
    }
}

TEST(AddressSettings, TheMostExactRuleWins) {
    const AddressSettings settings({{"p", "a/#", Treatment::kMulticast, {}},
                                    {"s", "a/*/c", Treatment::kClosest, {}},
                                    {"e", "a/b/c", Treatment::kUnavailable, {}},
                                    {"h", "#/z", Treatment::kClosest, 7}},
                                   Treatment::kBalanced);
    EXPECT_EQ(settings.treatment("a"), Treatment::kMulticast);
    EXPECT_EQ(settings.treatment("a.x.y"), Treatment::kMulticast);
    EXPECT_EQ(settings.treatment("a/x/c"), Treatment::kClosest);
    EXPECT_EQ(settings.treatment("a/b/c"), Treatment::kUnavailable);
    EXPECT_EQ(settings.treatment("a/b/c/d"), Treatment::kMulticast);
    EXPECT_EQ(settings.treatment("ab"), Treatment::kBalanced);
    ASSERT_NE(settings.match("q/r/z"), nullptr);
    EXPECT_EQ(settings.match("q/r/z")->priority, 7);
}

TEST(AddressSettings, AHostilePatternCostsABoundedNumberOfSteps) {
    std::string pattern, address;
    for (int i = 0; i < 30; ++i) {
        pattern += "#/a/";
        address += "a/";
    }
    const AddressSettings settings({{"x", pattern + "b", Treatment::kClosest, {}}},
                                   Treatment::kBalanced);
    EXPECT_EQ(settings.treatment(address + "c"), Treatment::kBalanced);
}

}  // namespace
}  // namespace amqmesh::routing
