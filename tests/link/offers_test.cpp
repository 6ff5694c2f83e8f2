// A message that one consumer releases is offered to another one where the address says so: one
// outcome, a bounded number of offers, nobody twice.
#include "link/delivery.h"
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::Treatment;

/// A line A - B - C; consumers release everything until told otherwise.
class Offers : public LineTest {
  protected:
    Offers()
        : LineTest({{"", "three/#", Treatment::kBalanced, {}, 3},
                    {"", "near/#", Treatment::kClosest, {}, 8},
                    {"", "all/#", Treatment::kMulticast, {}, 8}}) {}

    TestClient& consumer(TestNode& node, const std::string& address, std::uint32_t credit = 10) {
        auto& made =
            world_.client(node, static_cast<std::uint16_t>(consumers_.size() % GetParam()));
        made.receiver(address, credit);
        consumers_.push_back(&made);
        world_.run();
        return made;
    }

    LinkIndex sender(const std::string& address,
                     ReceiverSettleMode mode = ReceiverSettleMode::kFirst) {
        for (const char* key : {"M0three/x", "M0near/x", "M0other/x"}) {
            world_.share(key, Treatment::kBalanced);
        }
        const auto link = sender_.sender(address, SenderSettleMode::kMixed, mode);
        world_.run();
        return link;
    }

    /// Everything received so far and not yet answered is released. How much that was.
    std::size_t release_all() {
        std::size_t count = 0;
        for (auto* consumer : consumers_) {
            for (auto& delivery : consumer->received) {
                if (!delivery.settled) {
                    consumer->answer(delivery, Outcome::kReleased);
                    delivery.settled = true;
                    ++count;
                }
            }
        }
        world_.run();
        return count;
    }

    std::size_t offers() const {
        std::size_t count = 0;
        for (const auto* consumer : consumers_) {
            count += consumer->received.size();
        }
        return count;
    }

    TestClient& sender_ = world_.client(a_, last_);
    std::vector<TestClient*> consumers_;
};

INSTANTIATE_TEST_SUITE_P(Workers, Offers, ::testing::Values(1, 3));

/// Found by the random test: what waited for a consumer on another worker went to another router
/// when that consumer left, and the worker where it came in did not know that it was there.
TEST_P(Offers, WhomItWentToWhenItsConsumerLeftIsNotAskedAgain) {
    auto& near = consumer(a_, "near/x", 0);
    auto& far = consumer(c_, "near/x");
    const auto link = sender("near/x");
    world_.share("M0near/x", Treatment::kClosest);
    sender_.send(link, "x");
    world_.run();
    ASSERT_EQ(offers(), 0U) << "it waits for the nearest";
    world_.cut(near);
    world_.run();
    ASSERT_EQ(far.received.size(), 1U);
    release_all();
    EXPECT_EQ(release_all(), 0U);
    EXPECT_EQ(offers(), 1U);
    EXPECT_EQ(sender_.outcomes(Outcome::kReleased), 1U);
}

TEST_P(Offers, WithoutTheOptionTheFirstWordIsTheOutcome) {
    consumer(a_, "other/x");
    consumer(a_, "other/x");
    const auto number = sender_.send(sender("other/x"), "x");
    world_.run();
    EXPECT_EQ(release_all(), 1U);
    EXPECT_EQ(sender_.sent[number].outcome, Outcome::kReleased);
    EXPECT_EQ(offers(), 1U);
}

TEST_P(Offers, AtOneNodeTheNextConsumerIsAsked) {
    consumer(a_, "near/x");
    consumer(a_, "near/x");
    const auto number = sender_.send(sender("near/x"), "hello");
    world_.run();
    EXPECT_EQ(release_all(), 1U);
    EXPECT_EQ(sender_.sent[number].outcome, Outcome::kNone);
    EXPECT_FALSE(sender_.sent[number].settled);
    ASSERT_EQ(offers(), 2U);
    for (auto* each : consumers_) {
        ASSERT_EQ(each->received.size(), 1U);
        EXPECT_EQ(each->received[0].body, "hello");
        each->accept_all();
    }
    world_.run();
    EXPECT_EQ(sender_.sent[number].outcome, Outcome::kAccepted);
    EXPECT_TRUE(sender_.sent[number].settled);
}

TEST_P(Offers, EveryConsumerIsAskedOnceAndThenItIsReleased) {
    for (auto* node : {&a_, &a_, &b_, &c_, &c_}) {
        consumer(*node, "near/x");
    }
    const auto link = sender("near/x");
    constexpr std::size_t kRounds = 100;  // more messages than there is credit at first
    for (std::size_t round = 0; round < kRounds; ++round) {
        for (int i = 0; i < 4; ++i) {
            sender_.send(link, std::to_string(i));
        }
        world_.run();
        while (release_all() != 0) {
        }
        for (auto* each : consumers_) {
            each->engine.set_credit(0, 10);
        }
        world_.run();
    }
    EXPECT_EQ(sender_.outcomes(Outcome::kReleased), 4 * kRounds);
    for (auto* each : consumers_) {
        EXPECT_EQ(each->received.size(), 4 * kRounds) << "each message once";
    }
}

TEST_P(Offers, TheNumberOfOffersIsBoundedAcrossNodes) {
    for (auto* node : {&a_, &b_, &b_, &c_, &c_}) {
        consumer(*node, "three/x");
    }
    const auto number = sender_.send(sender("three/x"), "x");
    world_.run();
    while (release_all() != 0) {
    }
    EXPECT_EQ(offers(), 3U);
    EXPECT_EQ(sender_.sent[number].outcome, Outcome::kReleased);
    for (const auto* each : consumers_) {
        EXPECT_LE(each->received.size(), 1U);
    }
}

TEST_P(Offers, AnotherNodesConsumerTakesWhatOneReleased) {
    consumer(b_, "three/x");
    consumer(c_, "three/x");
    const auto link = sender("three/x");
    std::vector<std::uint64_t> numbers;
    for (int i = 0; i < 10; ++i) {
        numbers.push_back(sender_.send(link, std::to_string(i)));
    }
    world_.run();
    const auto first = release_all();
    EXPECT_EQ(first, 10U);
    EXPECT_EQ(offers(), 20U);
    for (auto* each : consumers_) {
        each->accept_all();
    }
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 10U);
}

TEST_P(Offers, OtherOutcomesEndIt) {
    consumer(a_, "near/x");
    consumer(a_, "near/x");
    const auto link = sender("near/x");
    for (const auto outcome : {Outcome::kRejected, Outcome::kModified, Outcome::kAccepted}) {
        const auto before = offers();
        const auto number = sender_.send(link, "x");
        world_.run();
        for (auto* each : consumers_) {
            for (auto& delivery : each->received) {
                if (!delivery.settled) {
                    each->answer(delivery, outcome);
                    delivery.settled = true;
                }
            }
        }
        world_.run();
        EXPECT_EQ(sender_.sent[number].outcome, outcome);
        EXPECT_EQ(offers(), before + 1);
    }
}

TEST_P(Offers, WaitsForAnotherThatIsBusyButNotForTheOneThatReleasedIt) {
    auto& free = consumer(a_, "near/x");
    const auto link = sender("near/x");
    auto& busy = consumer(a_, "near/x", 0);
    const auto number = sender_.send(link, "x");
    world_.run();
    EXPECT_EQ(release_all(), 1U);
    EXPECT_EQ(sender_.sent[number].outcome, Outcome::kNone);
    EXPECT_EQ(free.received.size(), 1U) << "it has credit, but has been asked";
    busy.engine.set_credit(0, 1);
    world_.run();
    ASSERT_EQ(busy.received.size(), 1U);
    busy.accept_all();
    world_.run();
    EXPECT_EQ(sender_.sent[number].outcome, Outcome::kAccepted);
}

/// The next consumer leaves before it was asked: the first one, who is free, is not asked again.
TEST_P(Offers, WhoReleasedItIsNotAskedAgainWhenTheNextOneLeaves) {
    for (auto* node : {&a_, &c_}) {
        consumers_.clear();
        const std::string address = node == &a_ ? "near/x" : "three/x";
        auto& free = consumer(*node, address);
        auto& busy = consumer(*node, address, 0);
        const auto link = sender(address);
        const auto number = sender_.send(link, "x");
        world_.run();
        ASSERT_EQ(free.received.size(), 1U);
        release_all();
        EXPECT_EQ(sender_.sent[number].outcome, Outcome::kNone);
        busy.engine.detach(0, {});
        world_.run();
        world_.pass(routing::kSecond);
        EXPECT_EQ(free.received.size(), 1U);
        EXPECT_TRUE(busy.received.empty());
        EXPECT_EQ(sender_.sent[number].outcome, Outcome::kReleased);
    }
}

TEST_P(Offers, NotForLargeOnesNorWhereTheSenderSettlesLast) {
    consumer(a_, "near/x");
    consumer(b_, "near/x");
    const auto first = sender("near/x");
    const auto second = sender("near/x", ReceiverSettleMode::kSecond);
    const auto large = sender_.send(first, std::string(20'000, 'x'));
    const auto last = sender_.send(second, "x");
    world_.run();
    while (release_all() != 0) {
    }
    EXPECT_EQ(sender_.sent[large].outcome, Outcome::kReleased);
    EXPECT_EQ(sender_.sent[last].outcome, Outcome::kReleased);
    EXPECT_EQ(offers(), 2U);
}

TEST_P(Offers, WhatHasRunOutOfTimeIsNotOffered) {
    // A header with a ttl of 100 ms, and a body.
    const std::string timed("\x00\x53\x70\xc0\x05\x03\x40\x40\x52\x64\x00\x53\x77\xa1\x01x", 16);
    consumer(a_, "near/x", 0);
    consumer(a_, "near/x", 0);
    const auto number = sender_.send(sender("near/x"), timed);
    world_.run();
    world_.pass(300 * routing::kMillisecond);
    EXPECT_EQ(sender_.sent[number].outcome, Outcome::kReleased);
    for (auto* each : consumers_) {
        each->engine.set_credit(0, 1);
    }
    world_.run();
    EXPECT_EQ(offers(), 0U);
}

TEST_P(Offers, TheSenderMayLeaveMeanwhile) {
    auto& one = consumer(a_, "near/x");
    auto& other = consumer(b_, "near/x");
    const auto link = sender("near/x");
    sender_.send(link, "x");
    world_.run();
    ASSERT_EQ(one.received.size(), 1U);
    world_.cut(sender_);
    world_.run();
    EXPECT_EQ(release_all(), 1U);
    EXPECT_LE(other.received.size(), 1U);
    release_all();
    world_.pass(routing::kSecond);
}

TEST(DeclinedState, TellsWhatIsLeft) {
    for (std::uint8_t left = 0; left <= MeshLabel::kOffersMax; ++left) {
        EXPECT_EQ(declined_left(declined(left)), left);
    }
    EXPECT_FALSE(declined_left(unreached()));
    EXPECT_FALSE(declined_left(busy()));
    EXPECT_FALSE(declined_left({Outcome::kReleased, {}}));
}

TEST(MeshLabel, CarriesTheOffersBesideTheSequence) {
    MeshLabel label;
    label.ingress = label.egress = label.address = 1;
    label.sequence = 3U << 26U | MeshLabel::kNumberMask;
    label.set_offers(5);
    const auto bytes = label.encode();
    const auto read = MeshLabel::decode(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->offers(), 5U);
    label.set_offers(0);
    EXPECT_EQ(label.sequence, 3U << 26U | MeshLabel::kNumberMask);
}

}  // namespace
}  // namespace amqmesh::link::test
