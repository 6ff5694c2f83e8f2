// How old deliveries get, as management shows it: delayed, stuck, rates, blocked links.
#include "link/settle_figures.h"
#include "link/snapshot.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace amqmesh::link::test {
namespace {

using routing::kSecond;

class Ages : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    void SetUp() override {
        node_ = &world_.node("A", GetParam());
        receiver_ = &world_.client(*node_, 0);
        sender_ = &world_.client(*node_, static_cast<std::uint16_t>(GetParam() - 1));
    }

    void attach() {
        receiver_->receiver("q", 1000);
        link_ = sender_->sender("q");
        world_.run();
    }

    /// All workers' links and sums, as of now.
    PlaneSnapshot snapshot() {
        node_->snapshots.clear();
        for (std::uint16_t worker = 0; worker < node_->workers(); ++worker) {
            node_->command(worker,
                           command::TakeSnapshot{
                               .request = 1, .links = true, .connections = true, .addresses = true},
                           world_.now);
        }
        node_->settle(world_.now);
        for (int piece = 0; node_->snapshots.size() < node_->workers() && piece < 100; ++piece) {
            world_.now += SnapshotJob::kPause;
            node_->settle(world_.now);
        }
        PlaneSnapshot all;
        for (const auto& part : node_->snapshots) {
            all.links.insert(all.links.end(), part->links.begin(), part->links.end());
            all.addresses.insert(
                all.addresses.end(), part->addresses.begin(), part->addresses.end());
            all.counters.ages.delayed_1s += part->counters.ages.delayed_1s;
            all.counters.ages.delayed_10s += part->counters.ages.delayed_10s;
            all.counters.ages.stuck += part->counters.ages.stuck;
            all.counters.settle_ages.add(part->counters.settle_ages);
            all.counters.links_blocked += part->counters.links_blocked;
        }
        return all;
    }

    static const LinkRow& link(const PlaneSnapshot& all, bool incoming) {
        for (const LinkRow& row : all.links) {
            if (row.incoming == incoming) {
                return row;
            }
        }
        ADD_FAILURE() << "no such link";
        return all.links.front();
    }

    TestWorld world_;
    TestNode* node_ = nullptr;
    TestClient* receiver_ = nullptr;
    TestClient* sender_ = nullptr;
    LinkIndex link_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, Ages, ::testing::Values(1, 2));

TEST_P(Ages, SettledLateCountsAsDelayedOnBothLinksAndOnceForTheRouter) {
    attach();
    sender_->send(link_, "quick");
    world_.run();
    receiver_->accept_all();
    world_.run();
    sender_->send(link_, "late");
    world_.run();
    world_.pass(3 * kSecond);
    receiver_->accept_all();
    world_.run();
    sender_->send(link_, "very late");
    world_.run();
    world_.pass(11 * kSecond);
    receiver_->accept_all();
    world_.run();
    const PlaneSnapshot all = snapshot();
    for (const bool incoming : {true, false}) {
        EXPECT_EQ(link(all, incoming).ages.delayed_1s, 1U);
        EXPECT_EQ(link(all, incoming).ages.delayed_10s, 1U);
        EXPECT_EQ(link(all, incoming).ages.stuck, 0U);
    }
    EXPECT_EQ(all.counters.ages.delayed_1s, 1U);
    EXPECT_EQ(all.counters.ages.delayed_10s, 1U);
    const auto& counts = all.counters.settle_ages.counts;
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), 3U);
    EXPECT_GE(all.counters.settle_ages.sum_us, 14 * kSecond);
    EXPECT_EQ(counts.front(), 1U);
}

TEST_P(Ages, UnsettledForTenSecondsIsStuckUntilItIsSettled) {
    attach();
    sender_->send(link_, "one");
    sender_->send(link_, "two");
    world_.run();
    world_.pass(9 * kSecond);
    EXPECT_EQ(snapshot().counters.ages.stuck, 0U);
    world_.pass(3 * kSecond);
    PlaneSnapshot all = snapshot();
    EXPECT_EQ(all.counters.ages.stuck, 2U);
    EXPECT_EQ(link(all, true).ages.stuck, 2U);
    EXPECT_EQ(link(all, false).ages.stuck, 2U);
    const auto outstanding = [](const PlaneSnapshot& part) {
        std::uint64_t sum = 0;
        for (const AddressCounters& counters : part.addresses) {
            sum += counters.outstanding;
        }
        return sum;
    };
    EXPECT_EQ(outstanding(all), 2U);
    receiver_->accept_all();
    world_.run();
    all = snapshot();
    EXPECT_EQ(all.counters.ages.stuck, 0U);
    EXPECT_EQ(link(all, true).ages.stuck, 0U);
    EXPECT_EQ(link(all, false).ages.stuck, 0U);
    EXPECT_EQ(outstanding(all), 0U);
}

TEST_P(Ages, AStuckDeliveryOfALostConsumerIsNotCountedForEver) {
    attach();
    sender_->send(link_, "one");
    world_.run();
    world_.pass(12 * kSecond);
    EXPECT_EQ(snapshot().counters.ages.stuck, 1U);
    world_.cut(*receiver_);
    world_.run();
    const PlaneSnapshot all = snapshot();
    EXPECT_EQ(all.counters.ages.stuck, 0U);
    EXPECT_EQ(link(all, true).ages.stuck, 0U);
    EXPECT_EQ(link(all, true).modified, 1U);
}

TEST_P(Ages, LinksWithoutCreditForTenSecondsAreBlocked) {
    sender_->sender("nobody.there");
    receiver_->receiver("no.credit", 0);
    world_.run();
    world_.pass(9 * kSecond);
    EXPECT_EQ(snapshot().counters.links_blocked, 0U);
    world_.pass(3 * kSecond);
    PlaneSnapshot all = snapshot();
    EXPECT_EQ(all.counters.links_blocked, 2U);
    EXPECT_GE(link(all, true).zero_credit_s, 11U);
    EXPECT_GE(link(all, false).zero_credit_s, 11U);
    receiver_->receiver("nobody.there", 10);
    world_.run();
    all = snapshot();
    EXPECT_EQ(all.counters.links_blocked, 1U);
    EXPECT_EQ(link(all, true).zero_credit_s, 0U);
}

TEST_P(Ages, LinksInTroubleAreToldOnce) {
    attach();
    const auto idle = receiver_->receiver("no.credit", 0);
    sender_->send(link_, "one");
    sender_->send(link_, "two");
    world_.run();
    world_.pass(9 * kSecond);
    EXPECT_TRUE(node_->troubles.empty());
    world_.pass(20 * kSecond);
    std::set<std::pair<report::LinkTrouble::Kind, bool>> told;
    for (const auto& trouble : node_->troubles) {
        const bool stuck = trouble.kind == report::LinkTrouble::Kind::kStuck;
        EXPECT_TRUE(told.emplace(trouble.kind, trouble.incoming).second) << "told twice";
        EXPECT_EQ(trouble.key, stuck ? "M0q" : "M0no.credit");
        EXPECT_EQ(trouble.deliveries, stuck ? 2U : 0U);
        EXPECT_NE(trouble.connection_number, 0U);
        EXPECT_FALSE(trouble.name.empty());
    }
    EXPECT_EQ(told.size(), 3U) << "stuck at both ends, and one without credit";
    receiver_->accept_all();
    world_.run();
    sender_->send(link_, "again");
    world_.run();
    world_.pass(15 * kSecond);
    ASSERT_EQ(node_->troubles.size(), 7U) << "over, and stuck anew, at both ends";
    std::multiset<report::LinkTrouble::Kind> later;
    for (auto trouble = node_->troubles.begin() + 3; trouble != node_->troubles.end(); ++trouble) {
        later.insert(trouble->kind);
    }
    using Kind = report::LinkTrouble::Kind;
    EXPECT_EQ(
        later,
        (std::multiset<Kind>{Kind::kStuckOver, Kind::kStuckOver, Kind::kStuck, Kind::kStuck}));
    receiver_->engine.set_credit(idle, 1);
    world_.run();
    world_.pass(15 * kSecond);
    ASSERT_EQ(node_->troubles.size(), 8U);
    EXPECT_EQ(node_->troubles.back().kind, Kind::kBlockedOver);
    EXPECT_EQ(node_->troubles.back().key, "M0no.credit");
}

TEST_P(Ages, ManyBlockedLinksAreNotToldOneByOne) {
    for (int i = 0; i < 100; ++i) {
        receiver_->receiver("quiet." + std::to_string(i), 0);
    }
    world_.run();
    world_.pass(20 * kSecond);
    std::uint64_t all = 0;
    for (const auto& trouble : node_->troubles) {
        all += 1 + trouble.others;
    }
    EXPECT_EQ(all, 100U);
    EXPECT_LT(node_->troubles.size(), 20U);
}

TEST_P(Ages, TheRateIsThatOfTheLastSeconds) {
    attach();
    for (int i = 0; i < 600; ++i) {
        sender_->send(link_, "x");
        world_.run();
        receiver_->accept_all();
        world_.run();
        world_.pass(10 * routing::kMillisecond);
    }
    const PlaneSnapshot all = snapshot();
    EXPECT_NEAR(link(all, true).settle_rate, 100, 25);
    EXPECT_NEAR(link(all, false).settle_rate, 100, 25);
    world_.pass(8 * kSecond);
    EXPECT_EQ(link(snapshot(), true).settle_rate, 0);
}

TEST_P(Ages, TemporaryAddressesShareTheirCounters) {
    attach();
    const auto anonymous = sender_->sender(std::nullopt);
    for (int i = 0; i < 20; ++i) {
        auto& asker = world_.client(*node_);
        const auto replies = asker.dynamic_receiver(10);
        world_.run();
        const std::string address = asker.attached.at(replies).source.address.value();
        const auto direct = sender_->sender(address);
        world_.run();
        sender_->send(direct, "reply");
        // A message whose properties have only `to`.
        std::string message("\x00\x53\x73\xc0", 4);
        message += static_cast<char>(address.size() + 5);
        message += "\x03\x40\x40\xa1";
        message += static_cast<char>(address.size());
        sender_->send(anonymous, message + address + std::string("\x00\x53\x77\xa1\x01x", 6));
        world_.run();
        EXPECT_EQ(asker.received.size(), 2U);
        asker.accept_all();
        world_.run();
    }
    sender_->send(link_, "x");
    world_.run();
    std::uint64_t ingress = 0;
    std::set<routing::AddressHash> hashes;
    for (const AddressCounters& counters : snapshot().addresses) {
        ingress += counters.ingress;
        hashes.insert(counters.hash);
    }
    EXPECT_EQ(ingress, 41U);
    EXPECT_EQ(hashes.size(), 2U);
}

TEST(Snapshot, ManyLinksAreLookedAtInPieces) {
    TestWorld world;
    auto& node = world.node("A");
    auto& first = world.client(node);
    const ConnectionId second = node.plane(0).open({}, world.now);
    auto& third = world.client(node);
    for (int i = 0; i < 600; ++i) {
        first.receiver("a" + std::to_string(i), 1);
        third.receiver("c" + std::to_string(i), 1);
    }
    world.run();
    node.command(
        0, command::TakeSnapshot{.request = 7, .links = true, .connections = true}, world.now);
    node.plane(0).flush(world.now);
    ASSERT_EQ(node.plane(0).next_flush(), world.now + SnapshotJob::kPause);
    node.plane(0).flush(world.now);
    EXPECT_FALSE(node.plane(0).needs_flush()) << "the next piece is not due";
    // A connection that has gone when its turn comes is left out.
    node.plane(0).forget(second);
    int pieces = 1;
    while (node.snapshots.empty() && pieces < 100) {
        world.now = *node.plane(0).next_flush();
        world.run();
        ++pieces;
    }
    EXPECT_GE(pieces, 9);
    EXPECT_EQ(node.plane(0).next_flush(), std::nullopt);
    ASSERT_EQ(node.snapshots.size(), 1U);
    const PlaneSnapshot& all = *node.snapshots.front();
    EXPECT_EQ(all.request, 7U);
    EXPECT_EQ(all.connections.size(), 2U);
    std::set<std::pair<std::uint64_t, std::uint32_t>> links;
    for (const LinkRow& row : all.links) {
        EXPECT_TRUE(links.emplace(row.connection_number, row.link).second);
    }
    EXPECT_EQ(links.size(), 1200U);
}

TEST(Snapshot, LinksOfConnectionsAreLookedAtInPiecesToo) {
    TestWorld world;
    auto& node = world.node("A");
    auto& client = world.client(node);
    for (int i = 0; i < 1200; ++i) {
        client.receiver("a" + std::to_string(i), 1);
    }
    world.run();
    const auto pieces = [&](const command::TakeSnapshot& what) {
        node.snapshots.clear();
        node.command(0, what, world.now);
        int count = 0;
        for (; node.snapshots.empty() && count < 100; ++count) {
            world.now += SnapshotJob::kPause;
            world.run();
        }
        return count;
    };
    EXPECT_EQ(pieces({.request = 1, .connections = true}), 19) << "64 at a time";
    ASSERT_EQ(node.snapshots.size(), 1U);
    EXPECT_EQ(node.snapshots.front()->connections.size(), 1U);
    EXPECT_TRUE(node.snapshots.front()->links.empty());
    client.receiver("q", 2100);
    for (int i = 0; i < 10; ++i) {
        const auto link = client.sender("q");
        world.run();
        for (int message = 0; message < 210; ++message) {
            client.send(link, "x");
            world.run();
        }
    }
    EXPECT_EQ(pieces({.request = 2, .deliveries = true}), 9) << "256 at a time";
    ASSERT_EQ(node.snapshots.size(), 1U);
    EXPECT_EQ(node.snapshots.front()->local_open, 2100U);
    // A worker that slept makes up for it, up to a limit.
    node.snapshots.clear();
    node.command(0, command::TakeSnapshot{.request = 3, .connections = true}, world.now);
    int count = 0;
    for (; node.snapshots.empty() && count < 100; ++count) {
        world.now += routing::kSecond;
        world.run();
    }
    EXPECT_EQ(count, 4) << "64 and then 512 at a time";
}

TEST(AgeHistogram, SortsByPowersOfItsRatio) {
    AgeHistogram<2, 4> ages;
    for (const routing::Time age : {0U, 63U, 64U, 255U, 256U, 1023U, 1024U, 1'000'000U}) {
        ages.add(age);
    }
    EXPECT_EQ(ages.counts, (std::array<std::uint64_t, 4>{2, 2, 2, 2}));
    EXPECT_EQ(ages.sum_us, 63U + 64 + 255 + 256 + 1023 + 1024 + 1'000'000);
    EXPECT_EQ(ages.bound(2), 1024U);
}

}  // namespace
}  // namespace amqmesh::link::test
