// Multicast consumers that take nothing, or answer nothing: what of it their senders and the other
// consumers notice (link/forwarder_stalls.cpp, link/forwarder_silence.cpp).
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::kMillisecond;
using routing::kSecond;
using routing::Treatment;

constexpr std::uint16_t kPatienceS = 2;
constexpr Time kPatience = kPatienceS * kSecond;

/// All at one node, on each of its workers; across nodes: tests/system/multicast_test.py.
class Stalls : public LineTest {
  protected:
    Stalls()
        : LineTest({{"", "all/#", Treatment::kMulticast, {}, 1, kPatienceS},
                    {"", "ever/#", Treatment::kMulticast, {}, 1, 0}}) {}

    TestClient& consumer(const std::string& address,
                         std::uint32_t credit,
                         SenderSettleMode mode = SenderSettleMode::kMixed) {
        auto& made = world_.client(c_, static_cast<std::uint16_t>(consumers_++ % GetParam()));
        made.receiver(address, credit, mode);
        world_.run();
        return made;
    }

    LinkIndex sender(const std::string& address) {
        world_.share("M0" + address, Treatment::kMulticast);
        const auto link = sender_.sender(address);
        world_.run();
        return link;
    }

    /// As many as there is credit for, up to `count`. How many.
    std::size_t send(LinkIndex link, std::size_t count) {
        std::size_t sent = 0;
        for (; sent < count && sender_.engine.send_credit(link) > 0; ++sent) {
            sender_.send(link, std::to_string(++number_));
            world_.run();
        }
        return sent;
    }

    /// The same, while `client` answers and gets new credit. How many.
    std::size_t send_while_answered(LinkIndex link, std::size_t count, TestClient& client) {
        std::size_t sent = 0;
        for (std::size_t more = 1; sent < count && more != 0; sent += more) {
            more = send(link, std::min<std::size_t>(count - sent, 50));
            client.accept_all();
            client.engine.set_credit(0, 1000);
            world_.run();
        }
        return sent;
    }

    [[nodiscard]] std::uint64_t given_up() {
        std::uint64_t sum = 0;
        for (std::uint16_t worker = 0; worker < c_.workers(); ++worker) {
            c_.snapshots.clear();
            c_.command(worker, command::TakeSnapshot{.request = 1}, world_.now);
            world_.pass(50 * kMillisecond);
            sum += c_.snapshots.at(0)->counters.stalled;
        }
        return sum;
    }

    TestClient& sender_ = world_.client(c_, last_);
    unsigned consumers_ = 0;
    int number_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, Stalls, ::testing::Values(1, 2));

TEST_P(Stalls, OneThatTakesNothingMissesWhatWaitedForIt) {
    auto& other = consumer("all/x", 1000);
    auto& stalled = consumer("all/x", 0);
    const auto link = sender("all/x");
    ASSERT_EQ(send(link, 10), 10U);
    other.accept_all();
    world_.pass(kPatience - 500 * kMillisecond);
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 0U) << "it may still take them";
    world_.pass(kSecond);
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 10U);
    EXPECT_EQ(given_up(), 10U);
    // What follows does not wait at all.
    ASSERT_EQ(send_while_answered(link, 500, other), 500U);
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 510U);
    EXPECT_EQ(given_up(), 510U);
    EXPECT_TRUE(stalled.received.empty());
    // Until it takes something again.
    stalled.engine.set_credit(0, 5);
    world_.run();
    ASSERT_EQ(send(link, 1), 1U);
    EXPECT_EQ(stalled.received.size(), 1U);
    other.accept_all();
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 510U) << "its answer is waited for";
    stalled.accept_all();
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 511U);
}

TEST_P(Stalls, TheOnlyOneThatTakesNothing) {
    consumer("all/x", 0);
    const auto link = sender("all/x");
    ASSERT_EQ(send(link, 10), 10U);
    world_.pass(kPatience + kSecond);
    EXPECT_EQ(sender_.outcomes(Outcome::kReleased), 10U);
}

TEST_P(Stalls, OneThatTakesSomeNowAndThenMissesNothing) {
    auto& slow = consumer("all/x", 0);
    const auto link = sender("all/x");
    ASSERT_EQ(send(link, 4), 4U);
    for (std::uint32_t taken = 1; taken <= 4; ++taken) {
        world_.pass(kPatience * 3 / 4);
        slow.engine.set_credit(0, 1);
        world_.run();
        slow.accept_all();
    }
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 4U);
    EXPECT_EQ(given_up(), 0U);
}

TEST_P(Stalls, WherePatienceIsEndless) {
    auto& stalled = consumer("ever/x", 0);
    auto& silent = consumer("ever/x", 1000);
    const auto link = sender("ever/x");
    ASSERT_EQ(send(link, 400), 250U);
    world_.pass(10 * kPatience);
    EXPECT_EQ(given_up(), 0U);
    stalled.engine.set_credit(0, 1000);
    world_.run();
    stalled.accept_all();
    silent.accept_all();
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 250U);
}

TEST_P(Stalls, OneThatAnswersNothingHoldsBackNobodyForLong) {
    auto& other = consumer("all/x", 1000);
    auto& silent = consumer("all/x", 100'000);
    const auto link = sender("all/x");
    EXPECT_EQ(send_while_answered(link, 400, other), 250U) << "all that its sender may have";
    world_.pass(kPatience + kSecond);
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 250U);
    EXPECT_EQ(given_up(), 250U);
    ASSERT_EQ(send_while_answered(link, 1000, other), 1000U);
    EXPECT_GE(sender_.outcomes(Outcome::kAccepted), 1249U) << "one is waited for";
    EXPECT_EQ(silent.received.size(), 1250U) << "it gets them all the same";
    EXPECT_EQ(std::ranges::count_if(silent.received, &Received::settled), 999);
    // With its first answer everything is as before.
    silent.accept_all();
    world_.pass(kPatience + kSecond);
    ASSERT_EQ(send(link, 1), 1U);
    EXPECT_FALSE(silent.received.back().settled);
    other.accept_all();
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 1250U);
    silent.accept_all();
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 1251U);
}

TEST_P(Stalls, TheOnlyOneThatAnswersNothing) {
    consumer("all/x", 100'000);
    const auto link = sender("all/x");
    ASSERT_EQ(send(link, 400), 250U);
    world_.pass(kPatience + kSecond);
    EXPECT_EQ(sender_.outcomes(Outcome::kModified), 250U) << "nobody knows what became of them";
    ASSERT_EQ(send(link, 1000), 1000U);
    EXPECT_EQ(sender_.outcomes(Outcome::kModified), 1249U);
}

TEST_P(Stalls, OneThatIsSlowToAnswerIsWaitedFor) {
    auto& slow = consumer("all/x", 100'000);
    const auto link = sender("all/x");
    ASSERT_EQ(send(link, 400), 250U);
    for (std::size_t answered = 0; answered < 5; ++answered) {
        world_.pass(kPatience * 3 / 4);
        slow.answer(slow.received.at(answered), Outcome::kAccepted);
        slow.received.at(answered).settled = true;
        world_.run();
    }
    EXPECT_EQ(given_up(), 0U);
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 5U);
}

TEST_P(Stalls, FewWithoutAnAnswerAreWaitedFor) {
    auto& slow = consumer("all/x", 100'000);
    const auto link = sender("all/x");
    ASSERT_EQ(send(link, 200), 200U);
    world_.pass(5 * kPatience);
    EXPECT_EQ(given_up(), 0U) << "its senders can go on: a task may take its time";
    slow.accept_all();
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 200U);
}

TEST_P(Stalls, OneThatWantsThemUnsettledGetsNoneUntilItAnswers) {
    auto& silent = consumer("all/x", 100'000, SenderSettleMode::kUnsettled);
    const auto link = sender("all/x");
    ASSERT_EQ(send(link, 400), 250U);
    world_.pass(kPatience + kSecond);
    EXPECT_EQ(sender_.outcomes(Outcome::kModified), 250U);
    ASSERT_EQ(send(link, 500), 500U);
    EXPECT_EQ(silent.received.size(), 251U);
    EXPECT_EQ(sender_.outcomes(Outcome::kReleased), 499U) << "it did not get them";
    EXPECT_EQ(given_up(), 749U);
    silent.accept_all();
    world_.pass(kPatience + kSecond);
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 1U);
    ASSERT_EQ(send(link, 3), 3U);
    EXPECT_EQ(silent.received.size(), 254U);
    EXPECT_EQ(std::ranges::count_if(silent.received, &Received::settled), 251) << "by itself";
    silent.accept_all();
    world_.run();
    EXPECT_EQ(sender_.outcomes(Outcome::kAccepted), 4U);
}

}  // namespace
}  // namespace amqmesh::link::test
