// What a client sees of one node: distribution, outcomes, credit, streaming, drain, loss. Every
// scenario runs with all clients on one worker and with them spread over three.
#include "link/delivery.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::Treatment;

class Plane : public ::testing::TestWithParam<std::uint16_t> {
  protected:
    void SetUp() override {
        node_ = &world_.node("A", GetParam());
        node_->builder.set_settings(std::make_shared<const routing::AddressSettings>(
            std::vector<routing::AddressRule>{{"", "closest/#", Treatment::kClosest, {}},
                                              {"", "all/#", Treatment::kMulticast, {}},
                                              {"", "none/#", Treatment::kUnavailable, {}}},
            Treatment::kBalanced));
        node_->publish(world_.now);
    }

    /// Clients are spread round robin over the workers.
    TestClient& client() {
        return world_.client(*node_, static_cast<std::uint16_t>(clients_++ % GetParam()));
    }

    std::uint32_t credit(TestClient& client, LinkIndex link) {
        return client.engine.send_credit(link);
    }

    /// Deliveries that the node has not forgotten, as an orderly end counts them.
    std::uint64_t under_way() {
        node_->snapshots.clear();
        for (std::uint16_t worker = 0; worker < node_->workers(); ++worker) {
            node_->command(
                worker, command::TakeSnapshot{.request = 1, .deliveries = true}, world_.now);
        }
        node_->settle(world_.now);
        std::uint64_t sum = 0;
        for (const auto& part : node_->snapshots) {
            sum += part->local_open + part->transit_open;
        }
        return sum;
    }

    TestWorld world_;
    TestNode* node_ = nullptr;
    unsigned clients_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, Plane, ::testing::Values(1, 3));

TEST_P(Plane, AMessageArrivesAndItsOutcomeComesBack) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    EXPECT_EQ(credit(sender, link), 250U);
    const auto number = sender.send(link, "hello");
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    EXPECT_EQ(receiver.received[0].body, "hello");
    EXPECT_FALSE(receiver.received[0].settled);
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kNone);
    receiver.accept_all();
    world_.run();
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kAccepted);
    EXPECT_TRUE(sender.sent[number].settled);
}

TEST_P(Plane, EveryOutcomeReachesTheSenderWithAllItsFields) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    const auto rejected = encode_rejected("my:error", "because");
    const std::string modified("\x00\x53\x27\xc0\x04\x03\x41\x41\x40", 9);
    const std::vector<std::pair<Outcome, std::string>> states{{Outcome::kAccepted, ""},
                                                              {Outcome::kRejected, rejected},
                                                              {Outcome::kReleased, ""},
                                                              {Outcome::kModified, modified}};
    std::vector<std::uint64_t> numbers;
    for (std::size_t i = 0; i < states.size(); ++i) {
        numbers.push_back(sender.send(link, "m" + std::to_string(i)));
    }
    world_.run();
    ASSERT_EQ(receiver.received.size(), states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
        receiver.answer(receiver.received[i], states[i].first, states[i].second);
    }
    world_.run();
    for (std::size_t i = 0; i < states.size(); ++i) {
        EXPECT_EQ(sender.sent[numbers[i]].outcome, states[i].first) << i;
        EXPECT_TRUE(sender.sent[numbers[i]].settled);
        if (!states[i].second.empty()) {
            EXPECT_EQ(sender.sent[numbers[i]].raw, states[i].second) << i;
        }
    }
}

TEST_P(Plane, NoConsumerNoCreditUntilOneComes) {
    auto& sender = client();
    const auto link = sender.sender("q");
    world_.run();
    EXPECT_EQ(credit(sender, link), 0U);
    auto& receiver = client();
    const auto consumer = receiver.receiver("q", 5);
    world_.run();
    EXPECT_EQ(credit(sender, link), 250U);
    receiver.engine.detach(consumer, {});
    world_.run();
    EXPECT_EQ(credit(sender, link), 0U) << "the last consumer has left";
}

TEST_P(Plane, CreditReturnsWhenDeliveriesAreSettled) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 1000);
    const auto link = sender.sender("q");
    world_.run();
    for (int i = 0; i < 250; ++i) {
        sender.send(link, "x");
        if (i == 125) {
            world_.run();  // for the session's window
        }
    }
    world_.run();
    EXPECT_EQ(credit(sender, link), 0U);
    ASSERT_EQ(receiver.received.size(), 250U);
    receiver.accept_all();
    world_.run();
    EXPECT_EQ(credit(sender, link), 250U);
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 250U);
}

TEST_P(Plane, PresettledSendersAreHeldBackAndNothingIsLost) {
    auto& receiver = client();
    auto& sender = client();
    const auto consumer = receiver.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    int sent = 0;
    while (credit(sender, link) > 0) {
        sender.send(link, std::to_string(sent++), true);
        world_.run();
    }
    EXPECT_EQ(sent, 260) << "250 wait in the node, 10 went through";
    EXPECT_EQ(receiver.received.size(), 10U);
    receiver.engine.set_credit(consumer, 1000);
    world_.run();
    ASSERT_EQ(receiver.received.size(), 260U);
    for (int i = 0; i < sent; ++i) {
        EXPECT_EQ(receiver.received[static_cast<std::size_t>(i)].body, std::to_string(i));
        EXPECT_TRUE(receiver.received[static_cast<std::size_t>(i)].settled);
    }
    EXPECT_EQ(credit(sender, link), 250U);
}

TEST_P(Plane, ClosestTakesTurns) {
    auto& one = client();
    auto& two = client();
    auto& sender = client();
    one.receiver("closest/q", 100);
    two.receiver("closest/q", 100);
    const auto link = sender.sender("closest/q");
    world_.run();
    for (int i = 0; i < 10; ++i) {
        sender.send(link, "x");
    }
    world_.run();
    EXPECT_EQ(one.received.size(), 5U);
    EXPECT_EQ(two.received.size(), 5U);
}

TEST_P(Plane, BalancedPrefersWhoHasLessToDo) {
    auto& slow = client();
    auto& fast = client();
    auto& sender = client();
    slow.receiver("q", 100);
    fast.receiver("q", 100);
    const auto link = sender.sender("q");
    world_.run();
    for (int i = 0; i < 40; ++i) {
        sender.send(link, "x");
        world_.run();
        fast.accept_all();
        world_.run();
    }
    EXPECT_LE(slow.received.size(), 2U);
    EXPECT_GE(fast.received.size(), 38U);
}

TEST_P(Plane, AConsumerWithoutCreditIsPassedOver) {
    auto& stuck = client();
    auto& ready = client();
    auto& sender = client();
    stuck.receiver("closest/q", 0);
    ready.receiver("closest/q", 100);
    const auto link = sender.sender("closest/q");
    world_.run();
    for (int i = 0; i < 10; ++i) {
        sender.send(link, "x");
    }
    world_.run();
    EXPECT_EQ(ready.received.size(), 10U);
}

TEST_P(Plane, MulticastReachesEachOnceAndTheBestOutcomeWins) {
    auto& one = client();
    auto& two = client();
    auto& three = client();
    auto& sender = client();
    one.receiver("all/q", 10);
    two.receiver("all/q", 10);
    three.receiver("all/q", 10, SenderSettleMode::kSettled);
    const auto link = sender.sender("all/q");
    world_.run();
    const auto number = sender.send(link, "x");
    world_.run();
    ASSERT_EQ(one.received.size(), 1U);
    ASSERT_EQ(two.received.size(), 1U);
    ASSERT_EQ(three.received.size(), 1U);
    EXPECT_TRUE(three.received[0].settled);
    const auto raw = encode_rejected("my:error", "no");
    two.answer(two.received[0], Outcome::kRejected, raw);
    world_.run();
    EXPECT_FALSE(sender.sent[number].settled) << "one copy is still open";
    one.accept_all();
    world_.run();
    EXPECT_TRUE(sender.sent[number].settled);
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kRejected);
    EXPECT_EQ(sender.sent[number].raw, raw);
}

TEST_P(Plane, AReceiverThatWantsEverythingSettled) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10, SenderSettleMode::kSettled);
    const auto link = sender.sender("q");
    world_.run();
    const auto number = sender.send(link, "x");
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    EXPECT_TRUE(receiver.received[0].settled);
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kAccepted);
}

TEST_P(Plane, SecondModeTheSenderSettlesLast) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10);
    const auto link = sender.sender("q", SenderSettleMode::kUnsettled, ReceiverSettleMode::kSecond);
    world_.run();
    const auto number = sender.send(link, "x");
    const auto delivery_id = sender.last_delivery_id;
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    receiver.answer(receiver.received[0], Outcome::kAccepted, {}, false);
    world_.run();
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kAccepted);
    EXPECT_FALSE(sender.sent[number].settled);
    EXPECT_FALSE(receiver.received[0].sender_settled_later);
    sender.engine.settle_outgoing(sender.engine.session_of(link), delivery_id, {});
    world_.run();
    EXPECT_TRUE(receiver.received[0].sender_settled_later);
    EXPECT_EQ(credit(sender, link), 249U + 1U - (credit(sender, link) == 249U ? 1U : 0U));
}

TEST_P(Plane, SecondModeAnOutcomeIsPassedOnOnce) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10);
    const auto link = sender.sender("q", SenderSettleMode::kUnsettled, ReceiverSettleMode::kSecond);
    world_.run();
    const auto number = sender.send(link, "x");
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    receiver.answer(receiver.received[0], Outcome::kAccepted, {}, false);
    world_.run();
    const auto frames = sender.engine.counters().frames_in;
    receiver.answer(receiver.received[0], Outcome::kReleased, {}, false);
    world_.run();
    EXPECT_EQ(sender.engine.counters().frames_in, frames);
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kAccepted);
}

TEST_P(Plane, ConsumerGoneWhatWasSentIsModifiedWhatWaitsGoesOn) {
    auto& leaving = client();
    auto& sender = client();
    leaving.receiver("q", 1);
    const auto link = sender.sender("q");
    world_.run();
    const auto sent = sender.send(link, "sent");
    const auto waits = sender.send(link, "waits");
    world_.run();
    ASSERT_EQ(leaving.received.size(), 1U);
    auto& other = client();
    other.receiver("q", 10);
    world_.run();
    world_.cut(leaving);
    world_.run();
    EXPECT_EQ(sender.sent[sent].outcome, Outcome::kModified);
    EXPECT_EQ(sender.sent[sent].raw.back(), '\x41') << "delivery-failed";
    ASSERT_EQ(other.received.size(), 1U);
    EXPECT_EQ(other.received[0].body, "waits");
    other.accept_all();
    world_.run();
    EXPECT_EQ(sender.sent[waits].outcome, Outcome::kAccepted);
}

TEST_P(Plane, ConsumerGoneAndNoOtherWhatWaitsIsReleased) {
    auto& leaving = client();
    auto& sender = client();
    const auto consumer = leaving.receiver("q", 0);
    const auto link = sender.sender("q");
    world_.run();
    const auto number = sender.send(link, "waits");
    world_.run();
    leaving.engine.detach(consumer, {});
    world_.run();
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kReleased);
}

TEST_P(Plane, SenderGoneHalfReceivedIsAbortedWholeIsDelivered) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    sender.send(link, "whole");
    sender.send(link, "half", false, true);
    world_.run();
    ASSERT_EQ(receiver.received.size(), 2U);
    world_.cut(sender);
    world_.run();
    EXPECT_TRUE(receiver.received[0].complete);
    EXPECT_TRUE(receiver.received[1].aborted);
    receiver.accept_all();
    world_.run();
    EXPECT_FALSE(receiver.closed) << "an outcome for a sender that has gone is no error";
}

TEST_P(Plane, SenderGoneAmidADeliveryThatHasItsOutcomeLeavesNothing) {
    auto& receiver = client();
    receiver.receiver("q", 10);
    for (const bool cut : {true, false}) {
        auto& sender = client();
        const auto link = sender.sender("q");
        const auto nobody = sender.sender(std::nullopt);
        world_.run();
        const std::string unroutable(
            "\x00\x53\x73\xc0\x06\x03\x40\x40\xa1\x01z\x00\x53\x77\xa1\x01x", 17);
        sender.send(link, "half", false, true);
        const auto released = sender.send(nobody, unroutable, false, true);
        world_.run();
        receiver.answer(receiver.received.back(), Outcome::kRejected);
        world_.run();
        ASSERT_EQ(sender.sent[released].outcome, Outcome::kReleased);
        EXPECT_EQ(under_way(), 2U) << "their last frames are still to come";
        if (cut) {
            world_.cut(sender);
        } else {
            sender.engine.detach(link, {});
            sender.engine.detach(nobody, {});
        }
        world_.run();
        EXPECT_EQ(under_way(), 0U);
    }
}

TEST_P(Plane, SendersGoneInAnyOrderLeaveOthersDeliveriesAlone) {
    auto& receiver = client();
    receiver.receiver("q", 100);
    auto& sender = client();
    auto& other = client();
    std::vector<LinkIndex> links;
    for (int i = 0; i < 4; ++i) {
        links.push_back(
            sender.sender("q", SenderSettleMode::kMixed, static_cast<ReceiverSettleMode>(i % 2)));
    }
    const auto kept = other.sender("q");
    world_.run();
    for (int i = 0; i < 3; ++i) {
        for (const auto link : links) {
            sender.send(link, "gone");
        }
        other.send(kept, "kept");
    }
    world_.run();
    EXPECT_EQ(under_way(), 15U);
    receiver.answer(receiver.received[5], Outcome::kAccepted);  // from the middle of its link's
    receiver.received[5].settled = true;
    world_.run();
    for (const auto link : {links[2], links[0], links[3], links[1]}) {
        sender.engine.detach(link, {});
        world_.run();
    }
    receiver.accept_all();
    world_.run();
    EXPECT_EQ(under_way(), 0U);
    EXPECT_EQ(other.outcomes(Outcome::kAccepted), 3U);
}

TEST_P(Plane, EverySenderLeftIsToldOfAConsumerWhicheverHaveGone) {
    auto& sender = client();
    std::vector<LinkIndex> links;
    for (int i = 0; i < 6; ++i) {
        links.push_back(sender.sender("q"));
    }
    world_.run();
    for (const auto gone : {0, 3, 5}) {
        sender.engine.detach(links[static_cast<std::size_t>(gone)], {});
        world_.run();
    }
    client().receiver("q", 10);
    world_.run();
    for (const auto left : {1, 2, 4}) {
        EXPECT_EQ(credit(sender, links[static_cast<std::size_t>(left)]), 250U) << left;
    }
}

TEST_P(Plane, AbortedTransfersAreAbortedDownstreamAndCreditReturns) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    sender.send(link, "half", false, true);
    world_.run();
    sender.engine.abort_delivery(link);
    const auto next = sender.send(link, "next");
    world_.run();
    ASSERT_EQ(receiver.received.size(), 2U);
    EXPECT_TRUE(receiver.received[0].aborted);
    EXPECT_EQ(receiver.received[1].body, "next");
    receiver.answer(receiver.received[1], Outcome::kAccepted);
    world_.run();
    EXPECT_EQ(sender.sent[next].outcome, Outcome::kAccepted);
}

TEST_P(Plane, AnonymousSendersAreRoutedByTo) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10);
    const auto link = sender.sender(std::nullopt);
    world_.run();
    EXPECT_EQ(credit(sender, link), 250U) << "always, whoever listens";
    const std::string message("\x00\x53\x73\xc0\x06\x03\x40\x40\xa1\x01q\x00\x53\x77\xa1\x01x", 17);
    const auto routed = sender.send(link, message);
    const std::string nobody("\x00\x53\x73\xc0\x06\x03\x40\x40\xa1\x01n\x00\x53\x77\xa1\x01x", 17);
    const auto unrouted = sender.send(link, nobody);
    const auto missing = sender.send(link, message.substr(11));
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    EXPECT_EQ(receiver.received[0].body, message);
    EXPECT_EQ(sender.sent[unrouted].outcome, Outcome::kReleased);
    EXPECT_EQ(sender.sent[missing].outcome, Outcome::kReleased);
    receiver.accept_all();
    world_.run();
    EXPECT_EQ(sender.sent[routed].outcome, Outcome::kAccepted);
}

TEST_P(Plane, AnonymousToInSeveralFrames) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 10);
    const auto link = sender.sender(std::nullopt);
    world_.run();
    const std::string message("\x00\x53\x73\xc0\x06\x03\x40\x40\xa1\x01q\x00\x53\x77\xa1\x01x", 17);
    sender.send(link, message.substr(0, 5), false, true);
    world_.run();
    sender.write(link, message.substr(5, 7), true);
    world_.run();
    sender.write(link, message.substr(12), false);
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    EXPECT_EQ(receiver.received[0].body, message);
    EXPECT_TRUE(receiver.received[0].complete);
}

TEST_P(Plane, DynamicReplyAddresses) {
    auto& requester = client();
    auto& responder = client();
    const auto replies = requester.dynamic_receiver(10);
    world_.run();
    const auto address = requester.attached[replies].source.address;
    ASSERT_TRUE(address);
    EXPECT_TRUE(address->starts_with("amqp:/_topo/0/A/temp.")) << *address;
    const auto link = responder.sender(*address);
    world_.run();
    EXPECT_EQ(credit(responder, link), 250U);
    responder.send(link, "reply");
    world_.run();
    ASSERT_EQ(requester.received.size(), 1U);
    EXPECT_EQ(requester.received[0].body, "reply");
}

TEST_P(Plane, UnavailableIsRefused) {
    auto& sender = client();
    const auto link = sender.sender("none/q");
    world_.run();
    ASSERT_TRUE(sender.detached.contains(link));
    EXPECT_EQ(sender.detached[link].name, "amqp:not-found");
    EXPECT_EQ(sender.attached[link].target.kind, Terminus::Kind::kNull);
}

TEST_P(Plane, LargeMessagesStreamWithBoundedMemory) {
    auto& receiver = client();
    auto& sender = client();
    const auto consumer = receiver.receiver("q", 0);
    const auto link = sender.sender("q");
    world_.run();
    const std::string part(15'000, 'x');
    sender.send(link, part, false, true);
    world_.run();
    std::size_t frames = 1;
    while (sender.engine.writable(link) && frames < 5000) {
        ASSERT_EQ(sender.write(link, part, true), part.size());
        ++frames;
        world_.run();
    }
    EXPECT_LT(frames, 600U) << "the session window must close while the consumer takes nothing";
    receiver.engine.set_credit(consumer, 1);
    world_.run();
    for (int more = 0; more < 200; ++more) {
        ASSERT_TRUE(sender.engine.writable(link)) << more;
        sender.write(link, part, more < 199);
        ++frames;
        world_.run();
    }
    ASSERT_EQ(receiver.received.size(), 1U);
    EXPECT_TRUE(receiver.received[0].complete);
    EXPECT_EQ(receiver.received[0].body.size(), frames * part.size());
    receiver.accept_all();
    world_.run();
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 1U);
}

TEST_P(Plane, WhatALinkHeldIsNotHeldAgainstItsSessionWhenItLeaves) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("stopped", 0);
    receiver.receiver("quick", 100);
    const auto stopped = sender.sender("stopped");
    const auto quick = sender.sender("quick");
    world_.run();
    const std::string part(15'000, 'x');
    sender.send(stopped, part, false, true);
    world_.run();
    while (sender.engine.writable(stopped)) {
        sender.write(stopped, part, true);
        world_.run();
    }
    EXPECT_FALSE(sender.engine.writable(quick)) << "a session has one window";
    sender.engine.detach(stopped, {});
    world_.run();
    ASSERT_TRUE(sender.engine.writable(quick));
    for (int i = 0; i < 50; ++i) {
        sender.send(quick, "x");
        world_.run();
    }
    receiver.accept_all();
    world_.run();
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 50U);
}

TEST_P(Plane, LinksOfOneConnectionTakeTurnsOnItsOutput) {
    ConnectionOptions options;
    options.engine.output_bytes_max = 8192;
    auto& receiver = world_.client(*node_, 0, options);
    auto& sender = client();
    const auto bulk = receiver.receiver("bulk", 200);
    receiver.receiver("urgent", 10);
    const auto many = sender.sender("bulk");
    const auto few = sender.sender("urgent");
    world_.run();
    const std::string body(1000, 'x');
    for (int i = 0; i < 120; ++i) {
        sender.send(many, body);
    }
    sender.send(few, "urgent");
    world_.step();  // all of it is with the node
    world_.piece = 1000;
    while (receiver.received.size() < 121 && world_.step()) {
        receiver.engine.set_credit(bulk, 200);  // which is a reason to look at that link alone
    }
    ASSERT_EQ(receiver.received.size(), 121U);
    std::size_t place = 0;
    while (receiver.received[place].body != "urgent") {
        ++place;
    }
    EXPECT_LT(place, 96U);
}

TEST_P(Plane, DrainIsAnsweredWhenNothingWaits) {
    auto& receiver = client();
    auto& sender = client();
    const auto consumer = receiver.receiver("q", 5);
    const auto link = sender.sender("q");
    world_.run();
    sender.send(link, "x");
    world_.run();
    receiver.engine.set_credit(consumer, 4, true);
    world_.run();
    EXPECT_EQ(receiver.drained, std::vector<LinkIndex>{consumer});
    EXPECT_EQ(receiver.engine.credit(consumer), 0U);
    receiver.engine.set_credit(consumer, 3);
    sender.send(link, "y");
    world_.run();
    EXPECT_EQ(receiver.received.size(), 2U);
}

TEST_P(Plane, EmptyPresettledTransfersAreDropped) {
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 5);
    const auto link = sender.sender("q");
    world_.run();
    sender.send(link, "", true);
    sender.send(link, "real", true);
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    EXPECT_EQ(receiver.received[0].body, "real");
}

TEST_P(Plane, ManagementRequestsReachTheNode) {
    auto& asking = client();
    const auto link = asking.sender("$management");
    world_.run();
    EXPECT_EQ(credit(asking, link), 250U);
    const auto number = asking.send(link, "request");
    world_.run();
    ASSERT_EQ(node_->management.size(), 1U);
    EXPECT_EQ(node_->management[0], "request");
    EXPECT_EQ(asking.sent[number].outcome, Outcome::kAccepted);
    const auto replies = asking.dynamic_receiver(5);
    world_.run();
    node_->command(static_cast<std::uint16_t>(GetParam() - 1),
                   command::Originate{*asking.attached[replies].source.address, "answer"},
                   world_.now);
    world_.run();
    ASSERT_EQ(asking.received.size(), 1U);
    EXPECT_EQ(asking.received[0].body, "answer");
    EXPECT_TRUE(asking.received[0].settled);
}

TEST_P(Plane, LongAnswersOfTheNodeGoOutAsTheReceiversWindowAllows) {
    const auto body = [](char fill) { return std::string(1'500'000, fill); };
    auto& asking = client();
    const auto replies = asking.dynamic_receiver(1);
    world_.run();
    const std::string address = *asking.attached[replies].source.address;
    for (const char fill : {'a', 'b'}) {
        node_->command(0, command::Originate{address, body(fill)}, world_.now);
    }
    world_.run();
    ASSERT_EQ(asking.received.size(), 1U) << "the credit is spent";
    EXPECT_TRUE(asking.received[0].complete);
    EXPECT_EQ(asking.received[0].body, body('a'));
    asking.engine.set_credit(replies, 1);
    world_.run();
    ASSERT_EQ(asking.received.size(), 2U);
    EXPECT_EQ(asking.received[1].body, body('b'));
}

TEST_P(Plane, AnswersOfTheNodeThatNobodyTakesAreBounded) {
    client();
    auto& asking = client();  // if there are several workers, not the one that answers
    const auto replies = asking.dynamic_receiver(0);
    world_.run();
    const std::string address = *asking.attached[replies].source.address;
    const auto answer = [&](unsigned count, std::size_t bytes) {
        for (unsigned i = 0; i < count; ++i) {
            node_->command(0, command::Originate{address, std::string(bytes, 'r')}, world_.now);
        }
        world_.run();
        asking.engine.set_credit(replies, 5000);
        for (unsigned turn = 0; turn < 100; ++turn) {
            world_.run();
        }
        asking.engine.set_credit(replies, 0);
        world_.run();
        return std::exchange(asking.received, {}).size();
    };
    EXPECT_EQ(answer(1500, 10), 1000U);
    EXPECT_EQ(answer(900, 10), 900U) << "what was taken counts no more";
    EXPECT_EQ(answer(40, 1U << 20U), 16U);
    EXPECT_EQ(answer(3, 20U << 20U), 1U) << "one of any size";
    asking.engine.detach(replies, {});
    world_.run();
    node_->command(0, command::TakeSnapshot{.request = 1, .deliveries = true}, world_.now);
    for (int turn = 0; turn < 1000 && node_->snapshots.empty(); ++turn) {
        world_.pass(10 * routing::kMillisecond);
    }
    ASSERT_EQ(node_->snapshots.size(), 1U);
    EXPECT_EQ(node_->snapshots[0]->local_open, 0U);
    EXPECT_EQ(node_->snapshots[0]->counters.dropped_presettled, 500U + 24U + 2U);
}

TEST_P(Plane, SectionsAgainAndAgainDoNotHoldUpAnAnonymousMessage) {
    auto& sender = client();
    const auto link = sender.sender(std::nullopt);
    world_.run();
    const std::string header("\x00\x53\x70\x45", 4);
    const auto number = sender.send(link, header, false, true);
    world_.run();
    EXPECT_FALSE(sender.sent[number].settled) << "the address may come";
    sender.write(link, header, true);
    world_.run();
    EXPECT_TRUE(sender.sent[number].settled) << "that is no AMQP message";
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kReleased);
}

TEST_P(Plane, BytesMayComeInAnyPieces) {
    world_.piece = 7;
    auto& receiver = client();
    auto& sender = client();
    receiver.receiver("q", 100);
    const auto link = sender.sender("q");
    world_.run();
    for (int i = 0; i < 50; ++i) {
        sender.send(link, std::string(static_cast<std::size_t>(i) * 20, 'x'));
    }
    world_.run();
    ASSERT_EQ(receiver.received.size(), 50U);
    receiver.accept_all();
    world_.run();
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 50U);
}

}  // namespace
}  // namespace amqmesh::link::test
