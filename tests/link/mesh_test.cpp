// Deliveries across nodes A - B - C by the mesh label, with hand-written routes.
#include "link/delivery.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <string>

namespace amqmesh::link::test {
namespace {

using routing::Treatment;

class Mesh : public LineTest {
  protected:
    Mesh() : LineTest({{"", "all/#", Treatment::kMulticast, {}}}) {}
};

INSTANTIATE_TEST_SUITE_P(Workers, Mesh, ::testing::Values(1, 2));

TEST_P(Mesh, ControlLinksComeUpOnBothSides) {
    EXPECT_EQ(a_.neighbours_up.size(), 1U);
    EXPECT_EQ(b_.neighbours_up.size(), 2U);
    EXPECT_EQ(c_.neighbours_up.size(), 1U);
}

TEST_P(Mesh, OutcomesCrossTwoHopsWithTheirFields) {
    auto& receiver = world_.client(c_, last_);
    auto& sender = world_.client(a_, last_);
    receiver.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    EXPECT_EQ(sender.engine.send_credit(link), 0U);
    world_.share("M0q", Treatment::kBalanced);
    EXPECT_EQ(sender.engine.send_credit(link), 250U);
    const auto accepted = sender.send(link, "one");
    const auto rejected = sender.send(link, "two");
    const auto modified = sender.send(link, "three");
    world_.run();
    ASSERT_EQ(receiver.received.size(), 3U);
    EXPECT_EQ(receiver.received[2].body, "three");
    const auto error = encode_rejected("my:error", "because");
    receiver.answer(receiver.received[0], Outcome::kAccepted);
    receiver.answer(receiver.received[1], Outcome::kRejected, error);
    receiver.answer(receiver.received[2], Outcome::kModified, std::string("\x00\x53\x27\x45", 4));
    world_.run();
    EXPECT_EQ(sender.sent[accepted].outcome, Outcome::kAccepted);
    EXPECT_EQ(sender.sent[rejected].outcome, Outcome::kRejected);
    EXPECT_EQ(sender.sent[rejected].raw, error);
    EXPECT_EQ(sender.sent[modified].outcome, Outcome::kModified);
    EXPECT_EQ(sender.engine.send_credit(link), 250U - 3U);
}

TEST_P(Mesh, PresettledSendersAreHeldBackAcrossTheMesh) {
    auto& receiver = world_.client(c_);
    auto& sender = world_.client(a_);
    const auto consumer = receiver.receiver("q", 5);
    const auto link = sender.sender("q");
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    std::size_t sent = 0;
    while (sender.engine.send_credit(link) > 0) {
        sender.send(link, std::to_string(sent++), true);
        world_.run();
    }
    EXPECT_EQ(sent, 255U);
    receiver.engine.set_credit(consumer, 1000);
    world_.run();
    ASSERT_EQ(receiver.received.size(), sent);
    for (std::size_t i = 0; i < sent; ++i) {
        EXPECT_EQ(receiver.received[i].body, std::to_string(i));
        EXPECT_TRUE(receiver.received[i].settled);
    }
    EXPECT_EQ(sender.engine.send_credit(link), 250U);
}

TEST_P(Mesh, RepliesFindTheWayBack) {
    auto& requester = world_.client(a_, last_);
    auto& responder = world_.client(c_, last_);
    const auto replies = requester.dynamic_receiver(10);
    world_.run();
    const auto link = responder.sender(requester.attached[replies].source.address);
    world_.run();
    EXPECT_EQ(responder.engine.send_credit(link), 250U);
    const auto number = responder.send(link, "reply");
    world_.run();
    ASSERT_EQ(requester.received.size(), 1U);
    requester.accept_all();
    world_.run();
    EXPECT_EQ(responder.sent[number].outcome, Outcome::kAccepted);
}

TEST_P(Mesh, ManagementOfAnotherNode) {
    auto& asking = world_.client(a_);
    const auto link = asking.sender("_topo/0/C/$management");
    world_.run();
    asking.send(link, "request");
    world_.run();
    ASSERT_EQ(c_.management.size(), 1U);
    EXPECT_EQ(c_.management[0], "request");
}

TEST_P(Mesh, AnswersOfANodeThatNobodyTakesAreBoundedAtTheOtherEndToo) {
    auto& asking = world_.client(a_, last_);
    const auto replies = asking.dynamic_receiver(0);
    world_.run();
    const std::string address = *asking.attached[replies].source.address;
    for (int i = 0; i < 1500; ++i) {
        c_.command(0, command::Originate{address, "answer"}, world_.now);
    }
    world_.run();
    asking.engine.set_credit(replies, 5000);
    for (int turn = 0; turn < 10; ++turn) {
        world_.run();
    }
    EXPECT_EQ(asking.received.size(), 1000U);
    c_.command(0, command::Originate{address, "answer"}, world_.now);
    world_.run();
    EXPECT_EQ(asking.received.size(), 1001U) << "what was taken counts no more";
}

TEST_P(Mesh, WithoutOneOfItsLinksAConnectionBetweenRoutersEnds) {
    ConnectionOptions options;
    options.role = ConnectionRole::kInterRouter;
    for (const LinkIndex lost : {0U, 1U}) {  // control, lane for short messages
        auto& neighbour = world_.client(a_, last_, options);
        world_.run();
        ASSERT_TRUE(neighbour.opened);
        ASSERT_FALSE(neighbour.closed);
        neighbour.engine.detach(lost, {});
        world_.run();
        ASSERT_TRUE(neighbour.closed) << lost;
        EXPECT_EQ(neighbour.closed->name, "amqp:connection:forced");
    }
    auto& neighbour = world_.client(a_, last_, options);
    world_.run();
    neighbour.engine.end(neighbour.engine.session_of(1), {});
    world_.run();
    EXPECT_TRUE(neighbour.closed) << "its links went with the session";
}

TEST_P(Mesh, AnEgressWithoutConsumerReleasesAfterAMoment) {
    auto& sender = world_.client(a_);
    const auto link = sender.sender("_topo/0/C/nobody");
    world_.run();
    const auto number = sender.send(link, "x");
    world_.run();
    EXPECT_FALSE(sender.sent[number].settled) << "parked: a consumer may be about to come";
    world_.pass(1 * routing::kSecond);
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kReleased)
        << "a client knows no outcome of ours";
}

TEST_P(Mesh, AConsumerThatMovesIsFoundWithoutTheSenderNoticing) {
    auto& leaving = world_.client(c_);
    auto& staying = world_.client(b_);
    auto& sender = world_.client(a_, last_);
    const auto consumer = leaving.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    leaving.engine.detach(consumer, {});
    world_.run();  // A has not heard of it
    const auto number = sender.send(link, "x");
    const auto presettled = sender.send(link, "y", true);
    world_.run();
    world_.pass(150 * routing::kMillisecond);  // C waits for a consumer, then gives it back
    staying.receiver("q", 10);
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    ASSERT_EQ(staying.received.size(), 2U);
    EXPECT_EQ(staying.received[0].body, "x");
    staying.accept_all();
    world_.run();
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kAccepted);
    EXPECT_EQ(sender.sent[presettled].outcome, Outcome::kNone);
    EXPECT_EQ(sender.engine.send_credit(link), 248U);
}

TEST_P(Mesh, WhatWaitedForTheLostLinkTakesAnotherWayOrComesBack) {
    auto& receiver = world_.client(c_);
    auto& sender = world_.client(a_, last_);
    receiver.receiver("q", 1000);
    const auto link = sender.sender("q");
    const auto other = sender.sender("q");
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    // A stream and short messages, some written, some not, at the moment of the loss.
    sender.send(other, std::string(30'000, 'x'), false, true);
    for (int i = 0; i < 60; ++i) {
        sender.send(link, "x");
    }
    world_.cut(a_, b_);
    for (int i = 0; i < 60; ++i) {
        sender.send(link, "late");
    }
    world_.run();
    world_.pass(1 * routing::kSecond);
    EXPECT_EQ(sender.outcomes(Outcome::kReleased) + sender.outcomes(Outcome::kModified), 121U);
}

TEST_P(Mesh, WhatWasOnTheLostLinkIsModified) {
    auto& receiver = world_.client(c_);
    auto& sender = world_.client(a_);
    receiver.receiver("q", 10);
    const auto link = sender.sender("q");
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    const auto number = sender.send(link, "x");
    world_.run();
    ASSERT_EQ(receiver.received.size(), 1U);
    world_.cut(b_, c_);
    world_.run();
    EXPECT_EQ(sender.sent[number].outcome, Outcome::kModified);
    EXPECT_EQ(sender.sent[number].raw.back(), '\x41');
}

TEST_P(Mesh, StoppedStreamsHoldUpNobodysShortMessages) {
    auto& slow = world_.client(c_);
    auto& quick = world_.client(c_, last_);
    constexpr int kEach = 12;
    for (int i = 0; i < kEach; ++i) {
        slow.receiver("slow" + std::to_string(i), 0);
        quick.receiver("quick" + std::to_string(i), 100);
    }
    world_.run();
    for (int i = 0; i < kEach; ++i) {
        world_.share("M0slow" + std::to_string(i), Treatment::kBalanced);
        world_.share("M0quick" + std::to_string(i), Treatment::kBalanced);
    }
    for (int i = 0; i < kEach; ++i) {
        auto& streaming = world_.client(a_);
        const auto link = streaming.sender("slow" + std::to_string(i));
        world_.run();
        streaming.send(link, "part", false, true);
    }
    world_.run();
    // Their links have the same numbers, on another worker if there is one.
    for (int i = 0; i < kEach; ++i) {
        auto& other = world_.client(a_, last_);
        const auto link = other.sender("quick" + std::to_string(i));
        world_.run();
        other.send(link, "x");
    }
    world_.run();
    EXPECT_EQ(quick.received.size(), std::size_t{kEach});
}

TEST_P(Mesh, StreamsDoNotBlockShortMessages) {
    auto& slow = world_.client(c_);
    auto& quick = world_.client(c_);
    auto& streaming = world_.client(a_);
    auto& other = world_.client(a_);
    slow.receiver("slow", 0);
    quick.receiver("quick", 100);
    const auto stream = streaming.sender("slow");
    const auto link = other.sender("quick");
    world_.run();
    world_.share("M0slow", Treatment::kBalanced);
    world_.share("M0quick", Treatment::kBalanced);
    const std::string part(15'000, 'x');
    streaming.send(stream, part, false, true);
    world_.run();
    int frames = 1;
    while (streaming.engine.writable(stream) && frames < 10'000) {
        streaming.write(stream, part, true);
        ++frames;
        world_.run();
    }
    EXPECT_LT(frames, 600) << "three windows of 2.5 MiB at most";
    for (int i = 0; i < 100; ++i) {
        other.send(link, "x");
    }
    world_.run();
    EXPECT_EQ(quick.received.size(), 100U);
    slow.engine.set_credit(0, 1);
    world_.run();
    ASSERT_TRUE(streaming.engine.writable(stream));
    streaming.write(stream, "end", false);
    world_.run();
    ASSERT_EQ(slow.received.size(), 1U);
    EXPECT_TRUE(slow.received[0].complete);
    EXPECT_EQ(slow.received[0].body.size(), static_cast<std::size_t>(frames) * part.size() + 3);
}

TEST_P(Mesh, ASendersOrderHoldsAcrossLanes) {
    auto& receiver = world_.client(c_);
    auto& sender = world_.client(a_);
    receiver.receiver("q", 1000);
    const auto link = sender.sender("q");
    world_.run();
    world_.share("M0q", Treatment::kBalanced);
    const std::string large(40'000, 'x');
    for (int i = 0; i < 60; ++i) {
        sender.send(link, std::to_string(i) + (i % 7 == 3 ? large : ""));
    }
    world_.run();
    ASSERT_EQ(receiver.received.size(), 60U);
    for (int i = 0; i < 60; ++i) {
        EXPECT_EQ(std::stoi(receiver.received[static_cast<std::size_t>(i)].body), i);
    }
}

}  // namespace
}  // namespace amqmesh::link::test
