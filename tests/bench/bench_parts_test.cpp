// The load client measures others, so its own parts are checked: a sender and a receiver wired to
// each other through memory, the histogram, the field walker.
#include "tests/bench/histogram.h"
#include "tests/bench/peer.h"
#include "tests/bench/wire.h"

#include <gtest/gtest.h>

#include <vector>

namespace amqmesh::bench {
namespace {

/// Moves what `from` has written to `to`.
void carry(Peer& from, Peer& to, Buffer& waiting, std::uint64_t now) {
    waiting.insert(waiting.end(), from.out().begin(), from.out().end());
    from.out().clear();
    const std::size_t used = to.received(waiting, now);
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(used));
}

struct Wire {
    explicit Wire(const LinkPlan& plan) : sender(plan, "s"), receiver(plan, "r", false) {}

    void run(std::uint64_t messages, int rounds) {
        for (int round = 0; round < rounds; ++round) {
            sender.pump(messages, receiver.count(), 1000);
            carry(sender, receiver, to_receiver, 3000);
            receiver.answer();
            carry(receiver, sender, to_sender, 4000);
        }
    }

    Sender sender;
    Receiver receiver;
    Buffer to_receiver, to_sender;
};

TEST(BenchPeers, DeliverSettleAndRenewCredit) {
    Wire wire({.address = "a", .body_bytes = 100, .presettled = false, .window = 10});
    wire.run(95, 40);
    EXPECT_EQ(wire.receiver.count(), 95U);
    EXPECT_EQ(wire.sender.settled(), 95U);
    EXPECT_EQ(wire.sender.not_accepted(), 0U);
    EXPECT_EQ(wire.receiver.latency_ns().count(), 95U);
    EXPECT_NEAR(static_cast<double>(wire.receiver.latency_ns().quantile(0.5)), 2000, 32);
    EXPECT_EQ(wire.sender.failure() + wire.receiver.failure(), "");
}

TEST(BenchPeers, SplitLargeMessagesIntoFrames) {
    Wire wire({.address = "a", .body_bytes = 65536, .presettled = true, .window = 4});
    wire.run(9, 20);
    EXPECT_EQ(wire.receiver.count(), 9U);
    EXPECT_EQ(wire.sender.settled(), 0U);
}

TEST(BenchPeers, TellWhyThePeerEnded) {
    Wire wire({.address = "a"});
    wire.run(0, 2);
    Buffer close;
    FrameWriter(close, kClose).null();
    wire.sender.received(close, 0);
    EXPECT_EQ(wire.sender.failure(), "close by the peer, no reason given");
}

TEST(BenchHistogram, KeepsValuesWithinTwoPercent) {
    Histogram histogram;
    for (std::uint64_t value : {1U, 63U, 64U, 129U, 100'000U, 4'000'000'000U}) {
        histogram.clear();
        histogram.add(value);
        const double told = static_cast<double>(histogram.quantile(0.5));
        EXPECT_NEAR(told, static_cast<double>(value), static_cast<double>(value) * 0.02) << value;
    }
}

TEST(BenchHistogram, FindsQuantilesAndMerges) {
    Histogram one;
    Histogram other;
    for (std::uint64_t value = 0; value < 50; ++value) {
        one.add(value);
        other.add(value + 10);
    }
    one.merge(other);
    EXPECT_EQ(one.count(), 100U);
    EXPECT_EQ(one.quantile(0), 0U);
    EXPECT_EQ(one.quantile(0.5), 30U);
    EXPECT_EQ(one.quantile(0.99), 59U);
}

TEST(BenchWire, WalksEveryPrimitive) {
    const std::vector<std::uint8_t> bytes = {0x40, 0x41, 0x43, 0x52, 7,   0x70, 0,    0,
                                             1,    0,    0xa1, 1,    'x', 0x00, 0x53, 0x24,
                                             0x45, 0xb0, 0,    0,    9,   9};
    FieldReader reader(bytes);
    EXPECT_TRUE(reader.next().null());
    EXPECT_EQ(reader.next().number, 1U);
    EXPECT_EQ(reader.next().number, 0U);
    EXPECT_EQ(reader.next().number, 7U);
    EXPECT_EQ(reader.next().number, 256U);
    EXPECT_EQ(reader.next().bytes.front(), 'x');
    EXPECT_EQ(reader.next().descriptor, 0x24);
    EXPECT_TRUE(reader.next().bytes.empty());  // a size beyond the end is cut
    EXPECT_TRUE(reader.next().null());
}

}  // namespace
}  // namespace amqmesh::bench
