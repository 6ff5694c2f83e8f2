// Nobody waits behind a busy consumer while another one anywhere is free (DESIGN 4.2).
#include "link/demand.h"

#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::kMillisecond;
using routing::Treatment;

TEST(DemandBook, TrustsAnAnswerForAWhile) {
    InterestBoard interest;
    DemandBook book(interest);
    const Time now = routing::kSecond;
    EXPECT_FALSE(book.busy(1, 7, now)) << "nobody said so";
    book.told(1, 7, 0, now);
    EXPECT_TRUE(book.busy(1, 7, now));
    EXPECT_FALSE(book.busy(1, 8, now));
    EXPECT_FALSE(book.busy(2, 7, now));
    EXPECT_FALSE(book.busy(1, 7, now + DemandBook::kTrust)) << "one may probe";
    book.sent(1, 7, now + DemandBook::kTrust);
    EXPECT_TRUE(book.busy(1, 7, now + DemandBook::kTrust)) << "and only one";
    book.told(1, 7, 2, now);
    book.sent(1, 7, now);
    EXPECT_FALSE(book.busy(1, 7, now));
    book.sent(1, 7, now);
    EXPECT_TRUE(book.busy(1, 7, now));
}

TEST(DemandBook, WhoTakesWhatIsSentGetsMore) {
    InterestBoard interest;
    DemandBook book(interest);
    EXPECT_FALSE(book.took(1, 7, 0)) << "nobody doubted it";
    book.told(1, 7, 0, 0);
    int sent = 0;
    for (int round = 0; round < 10; ++round) {
        book.took(1, 7, 0);
        for (; sent < 1000 && !book.busy(1, 7, 0); ++sent) {
            book.sent(1, 7, 0);
        }
    }
    EXPECT_EQ(sent, 1000) << "after a few rounds there is no limit any more";
}

TEST(DemandBook, RemembersWhoWaitsWhileTheyGoOn) {
    InterestBoard interest;
    DemandBook book(interest);
    EXPECT_FALSE(interest.any(1));
    book.remember(1, 7, 0);
    EXPECT_TRUE(interest.any(1));
    book.refresh(1, 7, DemandBook::kRemember / 2);
    book.tidy(DemandBook::kRemember);
    ASSERT_NE(book.find(1), nullptr);
    EXPECT_EQ(book.find(1)->waiters.size(), 1U);
    book.tidy(2 * DemandBook::kRemember);
    EXPECT_EQ(book.find(1), nullptr);
    EXPECT_FALSE(interest.any(1));
}

TEST(DemandBook, IsBounded) {
    InterestBoard interest;
    DemandBook book(interest);
    for (routing::RouterId router = 1; router < 1000; ++router) {
        book.remember(1, router, 0);
    }
    EXPECT_EQ(book.find(1)->waiters.size(), DemandBook::kRoutersMax);
}

/// A - B - C. `workers` per node; clients take turns on them.
class Demand : public LineTest {
  protected:
    TestClient& at(TestNode& node) {
        return world_.client(node, static_cast<std::uint16_t>(clients_++ % GetParam()));
    }

    /// A consumer with credit 1.
    struct Consumer {
        TestClient* client = nullptr;
        LinkIndex link = 0;

        [[nodiscard]] std::size_t count() const { return client->received.size(); }
    };

    Consumer consumer(TestNode& node, const std::string& address = "q") {
        Consumer made{&at(node), 0};
        made.link = made.client->receiver(address, 1);
        world_.run();
        world_.share("M0" + address, Treatment::kBalanced);
        return made;
    }

    /// Ends its task and is free for the next.
    void finish(const Consumer& consumer) {
        consumer.client->accept_all();
        consumer.client->engine.set_credit(consumer.link, 1);
        world_.run();
    }

    std::vector<std::uint64_t> send(TestClient& sender, LinkIndex link, int count) {
        std::vector<std::uint64_t> numbers;
        for (int i = 0; i < count; ++i) {
            numbers.push_back(sender.send(link, std::to_string(i)));
            world_.run();
        }
        return numbers;
    }

    /// A client at A with a link to where the consumers are.
    struct Sender {
        TestClient* client = nullptr;
        LinkIndex link = 0;
    };

    Sender sender_at_a() {
        Sender made{&at(a_), 0};
        made.link = made.client->sender("q");
        world_.run();
        return made;
    }

    unsigned clients_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, Demand, ::testing::Values(1, 2, 3));

TEST_P(Demand, AtOneNodeTheFirstFreeOneGetsWhatWaits) {
    const auto slow = consumer(a_);
    const auto quick = consumer(a_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    send(sender, link, 6);
    EXPECT_EQ(slow.count(), 1U);
    EXPECT_EQ(quick.count(), 1U);
    for (std::size_t expected = 2; expected <= 5; ++expected) {
        finish(quick);
        EXPECT_EQ(quick.count(), expected);
        EXPECT_EQ(slow.count(), 1U);
    }
    finish(quick);
    EXPECT_EQ(quick.count(), 5U) << "all done but the slow one's";
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 5U);
}

TEST_P(Demand, AcrossNodesTheFirstFreeOneGetsWhatWaits) {
    const auto slow = consumer(b_);
    const auto quick = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    world_.share("M0q", Treatment::kBalanced);
    send(sender, link, 6);
    EXPECT_EQ(slow.count(), 1U);
    EXPECT_EQ(quick.count(), 1U);
    for (std::size_t expected = 2; expected <= 5; ++expected) {
        finish(quick);
        EXPECT_EQ(quick.count(), expected);
        EXPECT_EQ(slow.count(), 1U);
    }
    finish(quick);
    finish(slow);
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 6U);
}

TEST_P(Demand, LocalAndRemoteConsumersTogether) {
    const auto here = consumer(a_);
    const auto there = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    send(sender, link, 8);
    finish(there);
    finish(there);
    EXPECT_EQ(there.count(), 3U);
    finish(here);
    finish(here);
    EXPECT_EQ(here.count(), 3U);
    finish(there);
    finish(here);
    EXPECT_EQ(here.count() + there.count(), 8U);
}

TEST_P(Demand, TwoConsumersAtTheFarEnd) {
    const auto slow = consumer(c_);
    const auto quick = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    send(sender, link, 5);
    finish(quick);
    finish(quick);
    finish(quick);
    EXPECT_EQ(slow.count(), 1U);
    EXPECT_EQ(quick.count(), 4U);
}

TEST_P(Demand, SendersAtEveryNodeGetTheirShare) {
    const auto one = consumer(b_);
    const auto two = consumer(c_);
    std::vector<TestClient*> senders;
    for (auto* node : {&a_, &b_, &c_}) {
        senders.push_back(&at(*node));
        const auto link = senders.back()->sender("q");
        world_.run();
        send(*senders.back(), link, 20);
    }
    for (int i = 0; i < 15; ++i) {
        finish(one);
        finish(two);
        world_.pass(10 * kMillisecond);
    }
    for (const auto* sender : senders) {
        EXPECT_GE(sender->outcomes(Outcome::kAccepted), 2U);
    }
    for (int i = 0; i < 40; ++i) {
        finish(one);
        finish(two);
        world_.pass(10 * kMillisecond);
    }
    for (const auto* sender : senders) {
        EXPECT_EQ(sender->outcomes(Outcome::kAccepted), 20U);
    }
    EXPECT_EQ(one.count() + two.count(), 60U);
}

TEST_P(Demand, ANewConsumerHelpsAtOnce) {
    const auto slow = consumer(b_);
    const auto other = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    send(sender, link, 3);
    const auto fresh = consumer(b_);
    world_.pass(100 * kMillisecond);
    EXPECT_EQ(fresh.count(), 1U);
    EXPECT_EQ(slow.count() + other.count(), 2U);
}

TEST_P(Demand, WhatWaitedBehindTheOnlyConsumerGoesToANewOne) {
    for (auto* node : {&a_, &c_}) {
        const std::string address = "q" + node->name;
        const auto slow = consumer(*node, address);
        auto& sender = at(a_);
        const auto link = sender.sender(address);
        world_.run();
        send(sender, link, 3);
        EXPECT_EQ(slow.count(), 1U);
        const auto fresh = consumer(*node, address);
        world_.pass(100 * kMillisecond);
        EXPECT_EQ(fresh.count(), 1U);
        finish(fresh);
        EXPECT_EQ(fresh.count(), 2U);
    }
}

TEST_P(Demand, WhatWaitedBehindTheOnlyConsumerGoesToOneThatIsInReachAgain) {
    const auto slow = consumer(a_);
    const auto far = consumer(c_);
    world_.lose_route(a_, c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    send(sender, link, 2);
    EXPECT_EQ(slow.count(), 1U);
    EXPECT_EQ(far.count(), 0U);
    world_.route(a_, c_, b_, 2);
    world_.pass(100 * kMillisecond);
    EXPECT_EQ(far.count(), 1U);
}

// Consumers that ask for one message at a time, and hear at once when there is none.
TEST_P(Demand, ADrainIsAnsweredAfterWhatWaits) {
    for (auto* node : {&a_, &c_}) {
        const std::string address = "pull" + node->name;
        const auto one = consumer(*node, address);
        const auto two = consumer(*node, address);
        auto& sender = at(a_);
        const auto link = sender.sender(address);
        world_.run();
        send(sender, link, 4);
        ASSERT_EQ(one.count() + two.count(), 2U);
        for (const auto* puller : {&one, &two}) {
            puller->client->accept_all();
            puller->client->engine.set_credit(puller->link, 1, true);
            world_.run();
            world_.pass(30 * kMillisecond);
            EXPECT_EQ(puller->count(), 2U) << address;
            EXPECT_EQ(puller->client->engine.credit(puller->link), 0U);
        }
        one.client->accept_all();
        one.client->engine.set_credit(one.link, 1, true);
        world_.run();
        world_.pass(30 * kMillisecond);
        EXPECT_EQ(one.count(), 2U);
        EXPECT_EQ(one.client->drained.back(), one.link);
        EXPECT_EQ(one.client->engine.credit(one.link), 0U);
    }
}

TEST_P(Demand, ConsumersThatLeave) {
    const auto leaving = consumer(b_);
    const auto staying = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    const auto numbers = send(sender, link, 4);
    world_.cut(*leaving.client);
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    world_.pass(200 * kMillisecond);
    finish(staying);
    finish(staying);
    world_.pass(600 * kMillisecond);
    finish(staying);
    EXPECT_EQ(staying.count(), 3U);
    EXPECT_EQ(sender.outcomes(Outcome::kModified), 1U);
    send(sender, link, 2);
    world_.cut(*staying.client);
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    world_.pass(1000 * kMillisecond);
    for (const auto& [number, sent] : sender.sent) {
        EXPECT_TRUE(sent.settled) << "nobody is left, so nothing waits";
    }
}

TEST_P(Demand, SettledMessagesWaitTooAndNoneIsLost) {
    const auto one = consumer(b_);
    const auto two = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    for (int i = 0; i < 50; ++i) {
        sender.send(link, std::to_string(i), true);
    }
    world_.run();
    for (int i = 0; i < 30; ++i) {
        finish(one);
        finish(two);
        world_.pass(20 * kMillisecond);
    }
    EXPECT_EQ(one.count() + two.count(), 50U);
    EXPECT_GE(sender.engine.send_credit(link), 200U);
}

TEST_P(Demand, AWideConsumerIsUsedInFullAfterItWasBusy) {
    const auto narrow = consumer(b_);
    auto wide = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    send(sender, link, 200);
    EXPECT_EQ(narrow.count() + wide.count(), 2U);
    wide.client->engine.set_credit(wide.link, 500);
    world_.run();
    wide.client->accept_all();
    world_.run();
    wide.client->accept_all();
    world_.run();
    EXPECT_EQ(narrow.count() + wide.count(), 200U) << "without any probe";
}

TEST_P(Demand, LargeMessagesAreStreamedToWhoeverIsThere) {
    const auto one = consumer(b_);
    const auto two = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    const std::string large(100'000, 'x');
    for (int i = 0; i < 4; ++i) {
        sender.send(link, large);
        world_.run();
    }
    for (int i = 0; i < 6; ++i) {
        finish(one);
        finish(two);
        world_.pass(50 * kMillisecond);
    }
    EXPECT_EQ(one.count() + two.count(), 4U);
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 4U);
}

TEST_P(Demand, TheSenderMayLeaveWhatWaits) {
    const auto one = consumer(b_);
    const auto two = consumer(c_);
    const auto [client, link] = sender_at_a();
    auto& sender = *client;
    send(sender, link, 6);
    world_.cut(sender);
    for (int i = 0; i < 4; ++i) {
        finish(one);
        finish(two);
        world_.pass(20 * kMillisecond);
    }
    EXPECT_EQ(one.count() + two.count(), 6U) << "what was wholly sent arrives";
}

/// What one router tells another of its free consumers is no message: when that router is lost,
/// nobody here gets it.
TEST_P(Demand, AHintForALostRouterReachesNoConsumer) {
    const auto near = consumer(b_);
    const auto far = consumer(c_);
    const auto [client, link] = sender_at_a();
    send(*client, link, 4);
    ASSERT_EQ(near.count() + far.count(), 2U) << "A waits, and C knows that";
    ASSERT_EQ(far.count(), 1U);
    const auto lost = c_.neighbours_up.front();
    const auto adjacency = world_.adjacency(c_, b_);
    world_.cut(b_, c_);
    // The table is late: its way to A is a connection that has ended.
    c_.builder.set_adjacency(adjacency, &lost);
    c_.publish(world_.now);
    world_.run();
    finish(far);
    c_.builder.set_adjacency(adjacency, nullptr);
    c_.publish(world_.now);
    world_.run();
    world_.pass(500 * kMillisecond);
    EXPECT_EQ(far.count(), 1U) << "with the body " << far.client->received.back().body;
}

}  // namespace
}  // namespace amqmesh::link::test
