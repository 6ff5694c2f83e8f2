// Consumers that take everything and settle nothing, and senders that come again and again: what
// that costs the nodes, and the others (link/forwarder_left.cpp).
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace amqmesh::link::test {
namespace {

using routing::kMillisecond;
using routing::kSecond;
using routing::Treatment;

/// As the README says.
constexpr std::size_t kLeftBehindMax = 131'072;

/// Senders at the first router, consumers at the last one.
class Left : public LineTest {
  protected:
    /// Takes whatever comes, in three sessions: one holds 65,536 unsettled deliveries at most.
    TestClient& hoarder(const std::string& address) {
        auto& made = world_.client(c_);
        for (int i = 0; i < 3; ++i) {
            made.new_session();
            made.receiver(address, 1'000'000);
        }
        world_.run();
        world_.share("M0" + address, Treatment::kBalanced);
        return made;
    }

    /// Deliveries under way at the node.
    std::size_t under_way(TestNode& node) {
        node.snapshots.clear();
        for (std::uint16_t worker = 0; worker < node.workers(); ++worker) {
            node.command(
                worker, command::TakeSnapshot{.request = 1, .deliveries = true}, world_.now);
        }
        for (int i = 0; node.snapshots.size() < node.workers() && i < 2000; ++i) {
            world_.pass(20 * kMillisecond);
        }
        std::size_t sum = 0;
        for (const auto& part : node.snapshots) {
            sum += part->transit_open + part->local_open;
        }
        return sum;
    }

    std::size_t send_all(TestClient& client, LinkIndex link) {
        std::size_t sent = 0;
        while (client.engine.send_credit(link) > 0) {
            if (!client.engine.writable(link)) {
                world_.run();  // its session's window
            }
            if (!client.engine.writable(link)) {
                break;
            }
            client.send(link, "x");
            ++sent;
        }
        world_.run();
        return sent;
    }

    /// Sends and detaches, again and again, until there are more than may be left. How many.
    std::size_t leave_too_many(TestClient& sender, const std::string& address) {
        std::size_t sent = 0;
        while (sent < kLeftBehindMax + 5000) {
            const auto link = sender.sender(address);
            world_.run();
            const auto more = send_all(sender, link);
            EXPECT_GT(more, 0U) << "after " << sent;
            if (more == 0) {
                break;
            }
            sent += more;
            sender.engine.detach(link, {});
            world_.run();
        }
        world_.pass(3 * kSecond);
        return sent;
    }

    void expect_served(const std::string& address) {
        auto& receiver = world_.client(c_, last_);
        const auto consumer = receiver.receiver(address, 100);
        world_.run();
        world_.share("M0" + address, Treatment::kBalanced);
        auto& sender = world_.client(a_);
        const auto link = sender.sender(address);
        world_.run();
        for (int i = 0; i < 20; ++i) {
            ASSERT_GT(sender.engine.send_credit(link), 0U);
            sender.send(link, "y");
            world_.run();
            receiver.accept_all();
            receiver.engine.set_credit(consumer, 100);
            world_.run();
        }
        EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 20U);
    }
};

INSTANTIATE_TEST_SUITE_P(Workers, Left, ::testing::Values(1, 2));

TEST_P(Left, OneThatSettlesNothingDoesNotFillTheWayOfOthers) {
    hoarder("hoard");
    auto& sender = world_.client(a_, last_);
    std::size_t sent = 0;
    for (int i = 0; sent < 70'000; ++i) {
        if (i % 200 == 0) {
            sender.new_session();  // the client's own bound is 65,536, too
        }
        const auto link = sender.sender("hoard");
        world_.run();
        const auto more = send_all(sender, link);
        ASSERT_GT(more, 0U);
        sent += more;
    }
    EXPECT_EQ(under_way(a_), sent);
    expect_served("other");
}

TEST_P(Left, DeliveriesWithoutASenderAreBounded) {
    auto& receiver = hoarder("hoard");
    auto& sender = world_.client(a_, last_);
    const std::size_t sent = leave_too_many(sender, "hoard");
    EXPECT_EQ(receiver.received.size(), sent);
    for (auto* node : {&a_, &b_, &c_}) {
        EXPECT_EQ(under_way(*node), kLeftBehindMax) << node->name;
    }
    EXPECT_EQ(std::ranges::count_if(receiver.received, &Received::sender_settled_later),
              static_cast<std::ptrdiff_t>(sent - kLeftBehindMax));
    expect_served("other");
    world_.cut(receiver);
    world_.pass(kSecond);
    for (auto* node : {&a_, &b_, &c_}) {
        EXPECT_EQ(under_way(*node), 0U) << node->name;
    }
    expect_served("another");
}

/// What waits for a consumer without credit is dropped if it is too much, and comes no more.
TEST_P(Left, UnsentDeliveriesWithoutASenderAreBounded) {
    auto& receiver = world_.client(c_);
    const auto consumer = receiver.receiver("slow", 0);
    world_.run();
    world_.share("M0slow", Treatment::kClosest);
    auto& sender = world_.client(c_, last_);
    leave_too_many(sender, "slow");
    EXPECT_EQ(under_way(c_), kLeftBehindMax);
    receiver.engine.set_credit(consumer, 200'000);
    for (int i = 0; i < 10; ++i) {
        world_.run();
        receiver.accept_all();
    }
    world_.run();
    EXPECT_EQ(receiver.received.size(), kLeftBehindMax) << "those that were given up never come";
    EXPECT_EQ(under_way(c_), 0U);
}

}  // namespace
}  // namespace amqmesh::link::test
