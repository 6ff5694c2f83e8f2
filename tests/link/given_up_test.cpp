// A node that stood still for so long that its neighbours have given it up: A - B - C, where time
// passes without a heartbeat.
#include "tests/link/test_world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace amqmesh::link::test {
namespace {

using routing::kMillisecond;
using routing::kSecond;
using routing::Treatment;

class GivenUp : public LineTest {
  protected:
    void SetUp() override {
        receiver_ = &world_.client(c_, last_);
        receiver_->receiver("q", 100);
        world_.run();
        world_.share("M0q", Treatment::kClosest);
        sender_ = &world_.client(a_, last_);
        link_ = sender_->sender("q");
        world_.run();
        send("1");
    }

    void send(const std::string& body) {
        sender_->send(link_, body);
        world_.run();
    }

    // As A does when it hears nothing of B, whatever B is doing.
    void a_gives_up() { world_.end(a_, b_); }

    void join_again() {
        world_.cut(a_, b_);
        world_.link(a_, b_);
        world_.route(a_, c_, b_, 2);
        world_.route(c_, a_, b_, 2);
    }

    [[nodiscard]] std::vector<std::string> bodies() const {
        std::vector<std::string> all;
        for (const auto& delivery : receiver_->received) {
            all.push_back(delivery.body);
        }
        return all;
    }

    TestClient* receiver_ = nullptr;
    TestClient* sender_ = nullptr;
    LinkIndex link_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Workers, GivenUp, ::testing::Values(1, 2));

using Bodies = std::vector<std::string>;

TEST_P(GivenUp, TakesNothingFromBefore) {
    world_.now += kSecond;
    a_gives_up();
    send("2");
    EXPECT_EQ(bodies(), Bodies({"1"}));
    join_again();
    EXPECT_EQ(sender_->sent.at(2).outcome, Outcome::kModified);
    send("3");
    EXPECT_EQ(bodies(), Bodies({"1", "3"}));
}

// A machine that was paused with all that runs on it.
TEST_P(GivenUp, NotIfEverybodyStoodStill) {
    world_.now += kSecond;
    send("2");
    EXPECT_EQ(bodies(), Bodies({"1", "2"}));
}

TEST_P(GivenUp, NotBeforeItsTime) {
    world_.now += 899 * kMillisecond;
    a_gives_up();
    send("2");
    EXPECT_EQ(bodies(), Bodies({"1", "2"}));
}

// A neighbour that ends leaves messages that are as good as others.
TEST_P(GivenUp, NeverWhileHeartbeatsAreWritten) {
    world_.pass(3 * kSecond);
    a_gives_up();
    send("2");
    EXPECT_EQ(bodies(), Bodies({"1", "2"}));
}

// What is written first is not taken for a sign of life in time.
TEST_P(GivenUp, AlsoAfterTheNextHeartbeat) {
    world_.now += kSecond;
    world_.pass(10 * kMillisecond);
    a_gives_up();
    send("2");
    EXPECT_EQ(bodies(), Bodies({"1"}));
}

TEST_P(GivenUp, OnceAwakeItsPastIsForgiven) {
    world_.now += kSecond;
    world_.pass(2 * kSecond);
    a_gives_up();
    send("2");
    EXPECT_EQ(bodies(), Bodies({"1", "2"}));
}

TEST_P(GivenUp, OutcomesAreStillTaken) {
    auto& sender = world_.client(b_, last_);
    const auto link = sender.sender("q");
    world_.run();
    sender.send(link, "x");
    world_.run();
    world_.now += kSecond;
    world_.end(c_, b_);
    receiver_->accept_all();
    world_.run();
    EXPECT_EQ(sender.outcomes(Outcome::kAccepted), 1U);
}

TEST_P(GivenUp, TheRestOfAMessageIsAborted) {
    sender_->send(link_, "half", false, true);
    world_.run();
    ASSERT_EQ(bodies(), Bodies({"1", "half"}));
    world_.now += kSecond;
    a_gives_up();
    sender_->write(link_, "rest", false);
    world_.run();
    world_.cut(a_, b_);
    world_.run();
    EXPECT_TRUE(receiver_->received.back().aborted);
    EXPECT_EQ(bodies(), Bodies({"1", "half"}));
}

}  // namespace
}  // namespace amqmesh::link::test
