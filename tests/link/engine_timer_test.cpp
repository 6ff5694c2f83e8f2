// Everything that time does to a connection; the clock is a number in these tests.
#include "tests/link/raw_frames.h"

#include <gtest/gtest.h>

#include <set>

namespace amqmesh::link::test {

using routing::kMillisecond;
using routing::kSecond;

TEST(EngineTimer, StrangersWhoSayNothingAreDropped) {
    RawPeer peer;
    const std::optional<Time> next = peer.node.engine->tick(0);
    EXPECT_EQ(next, 10 * kSecond);
    peer.node.engine->tick(10 * kSecond - 1);
    EXPECT_FALSE(peer.node.diary.closed);
    peer.node.engine->tick(10 * kSecond);
    EXPECT_TRUE(peer.node.diary.closed);
    EXPECT_TRUE(peer.node.engine->finished());
    EXPECT_FALSE(peer.node.engine->has_output()) << "nobody to talk to";
}

TEST(EngineTimer, AHeaderAloneIsNoOpen) {
    RawPeer peer;
    peer.say(amqp_header());
    peer.node.engine->tick(10 * kSecond);
    EXPECT_TRUE(peer.node.diary.closed);
    const std::vector<Sent> answer = peer.hear();
    ASSERT_FALSE(answer.empty());
    EXPECT_EQ(answer.back().code, 0x18U);
    EXPECT_FALSE(peer.node.engine->finished());
    peer.node.engine->tick(12 * kSecond);
    EXPECT_TRUE(peer.node.engine->finished());
}

TEST(EngineTimer, SilenceCloses) {
    RawPeer peer;
    peer.node.now = 1 * kSecond;
    peer.establish();
    EXPECT_EQ(peer.node.engine->last_received(), 1 * kSecond);
    EXPECT_EQ(peer.node.engine->tick(2 * kSecond), 17 * kSecond);
    peer.node.now = 5 * kSecond;
    peer.say(hex("00 00 00 08 02 00 00 00"));
    EXPECT_EQ(peer.node.engine->tick(17 * kSecond), 21 * kSecond);
    peer.node.engine->tick(21 * kSecond);
    EXPECT_TRUE(peer.node.diary.closed);
    EXPECT_EQ(peer.node.diary.close_condition.name, "amqp:resource-limit-exceeded");
    peer.hear();
    EXPECT_EQ(peer.sent.back().code, 0x18U);
}

TEST(EngineTimer, OurOwnPauseIsNotThePeersSilence) {
    RawPeer peer;
    peer.establish();
    EXPECT_EQ(peer.node.engine->tick(0), 16 * kSecond);
    // Everything stood still for a minute.
    EXPECT_EQ(peer.node.engine->tick(60 * kSecond), 76 * kSecond);
    EXPECT_FALSE(peer.node.diary.closed);
    peer.node.engine->tick(76 * kSecond);
    EXPECT_TRUE(peer.node.diary.closed);
}

TEST(EngineTimer, HeartbeatsAtHalfOfWhatThePeerAsks) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame(65536, 1000));
    EXPECT_EQ(peer.node.diary.open.idle_timeout_ms, 1000U);
    EXPECT_EQ(peer.node.engine->tick(0), 500 * kMillisecond);
    EXPECT_TRUE(peer.hear().empty());
    EXPECT_EQ(peer.node.engine->tick(500 * kMillisecond), 1000 * kMillisecond);
    const std::vector<Sent> beat = peer.hear();
    ASSERT_EQ(beat.size(), 1U);
    EXPECT_EQ(beat[0].code, 0U);
    EXPECT_EQ(beat[0].bytes, hex("00 00 00 08 02 00 00 00"));
    // Anything that is sent counts as life.
    peer.node.now = 900 * kMillisecond;
    peer.say(begin_frame(0));
    EXPECT_EQ(peer.node.engine->tick(1000 * kMillisecond), 1400 * kMillisecond);
    EXPECT_TRUE(peer.hear().empty());
}

TEST(EngineTimer, OwnHeartbeatsWithoutThePeersWish) {
    EngineConfig config = server_config();
    config.heartbeat_ms = 100;
    RawPeer peer(config);
    peer.say(amqp_header() + open_frame());
    // Within a tenth of the interval, and not in step.
    std::set<routing::Time> intervals;
    routing::Time now = 0;
    for (int beat = 0; beat < 20; ++beat) {
        const routing::Time next = peer.node.engine->tick(now).value_or(0);
        EXPECT_GE(next, now + 90 * kMillisecond);
        EXPECT_LE(next, now + 110 * kMillisecond);
        intervals.insert(next - now);
        peer.node.engine->tick(next - 1);
        EXPECT_TRUE(peer.hear().empty());
        now = next;
        peer.node.now = now;
        peer.node.engine->tick(now);
        EXPECT_EQ(peer.hear().size(), 1U);
    }
    EXPECT_GT(intervals.size(), 10U);
}

TEST(EngineTimer, AnAbsurdIdleTimeoutDoesNotMakeUsSpin) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame(65536, 1));
    EXPECT_GE(peer.node.engine->tick(0).value_or(0), 5 * kMillisecond);
}

TEST(EngineTimer, CloseLingersTwoSeconds) {
    RawPeer peer;
    peer.establish();
    peer.node.engine->close({.name = "amqp:connection:forced", .description = ""}, 0);
    EXPECT_FALSE(peer.node.engine->open());
    const std::vector<Sent> answer = peer.hear();
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(answer[0].code, 0x18U);
    // Until then whatever comes is ignored.
    peer.say(transfer_frame(0, 0, 0, "t", "x") + begin_frame(9));
    EXPECT_FALSE(peer.node.diary.closed);
    EXPECT_EQ(peer.node.engine->tick(1 * kSecond), 2 * kSecond);
    EXPECT_EQ(peer.node.engine->tick(2 * kSecond), std::nullopt);
    EXPECT_TRUE(peer.node.diary.closed);
    EXPECT_FALSE(peer.node.diary.closed_by_peer);
    EXPECT_TRUE(peer.node.engine->finished());
}

TEST(EngineTimer, TheLingerCountsFromTheCloseHoweverLongNothingHappened) {
    RawPeer peer;
    peer.establish();
    peer.node.engine->close({.name = "amqp:connection:forced", .description = ""}, 7 * kSecond);
    EXPECT_EQ(peer.node.engine->tick(8 * kSecond), 9 * kSecond);
    EXPECT_FALSE(peer.node.engine->finished()) << "the peer has had no time to answer";
    peer.node.engine->tick(9 * kSecond);
    EXPECT_TRUE(peer.node.engine->finished() || peer.node.engine->has_output());
}

TEST(EngineTimer, AChunkNobodySharesIsGivenBack) {
    RawPeer peer;
    peer.node.diary.auto_credit = 10;
    ChunkRef kept;
    peer.node.diary.transfer_hook = [&kept](Transfer& transfer) { kept = *transfer.chunk; };
    peer.establish();
    peer.say(transfer_frame(0, 0, 0, "t", std::string(5000, 'x')));
    EXPECT_EQ(peer.node.pool.live(), 1U) << "read buffer and slice are one";
    kept = ChunkRef();
    peer.node.diary.transfer_hook = nullptr;
    peer.node.engine->tick(1);
    EXPECT_EQ(peer.node.pool.live(), 0U);
}

}  // namespace amqmesh::link::test
