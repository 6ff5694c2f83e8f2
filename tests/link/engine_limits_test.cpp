// Bounds: what happens at each of them, and that life goes on after.
#include "link/codec.h"
#include "tests/link/raw_frames.h"

#include <gtest/gtest.h>

namespace amqmesh::link::test {

namespace {

/// Words about all deliveries that settle none: "accepted", or nothing.
ByteVector accepted_all(bool receiver) {
    return disposition_frame(0, receiver, 0, 0xffffffffU, false);
}

ByteVector nothing_about_all(bool receiver) {
    return frame(0, described(0x15, list({boolean(receiver), uint(0), uint(0xffffffffU)})));
}

}  // namespace

TEST(EngineLimits, LinksPerConnection) {
    EngineConfig config = server_config();
    config.links_max = 3;
    RawPeer peer(config);
    peer.say(amqp_header() + open_frame() + begin_frame(0));
    for (std::uint32_t i = 0; i < 3; ++i) {
        peer.say(attach_frame(0, std::to_string(i), i, false));
    }
    EXPECT_FALSE(peer.node.diary.closed);
    peer.say(detach_frame(0, 1) + attach_frame(0, "again", 1, false));
    EXPECT_FALSE(peer.node.diary.closed);
    peer.say(attach_frame(0, "more", 7, false));
    EXPECT_EQ(peer.last_condition(), "amqp:resource-limit-exceeded");
}

TEST(EngineLimits, ABeginFloodIsBoundedByChannelMax) {
    EngineConfig config = server_config();
    config.channel_max = 99;
    RawPeer peer(config);
    peer.say(amqp_header() + open_frame());
    for (std::uint16_t i = 0; i < 100; ++i) {
        peer.say(begin_frame(i));
    }
    EXPECT_FALSE(peer.node.diary.closed);
    EXPECT_EQ(peer.node.diary.begun.size(), 100U);
    peer.say(begin_frame(100));
    EXPECT_EQ(peer.last_condition(), "amqp:connection:framing-error");
    EXPECT_EQ(peer.node.diary.count("session-gone"), 100U);
}

TEST(EngineLimits, SparseHandlesWork) {
    RawPeer peer;
    peer.node.diary.auto_credit = 10;
    peer.say(amqp_header() + open_frame() + begin_frame(0));
    for (const std::uint32_t handle : {0U, 1023U, 1024U, 0x7fffffffU}) {
        peer.say(attach_frame(0, std::to_string(handle), handle, false));
        peer.say(transfer_frame(0, handle, handle, "t", "m"));
    }
    EXPECT_EQ(peer.node.diary.received.size(), 4U);
    for (const std::uint32_t handle : {0U, 1023U, 1024U, 0x7fffffffU}) {
        peer.say(detach_frame(0, handle));
    }
    EXPECT_EQ(peer.node.diary.count("detach"), 4U);
    EXPECT_FALSE(peer.node.diary.closed);
}

TEST(EngineLimits, OutputBudgetTurnsWritableOffAndOn) {
    EngineConfig config = server_config();
    config.output_bytes_max = 100000;
    RawPeer peer(config);
    peer.say(amqp_header() + open_frame() + begin_frame(0, 0, 100000) +
             attach_frame(0, "r", 0, true) +
             flow_frame(0, uint(0), 100000, 0, uint(0), uint(0), uint(1000)));
    peer.hear();
    const std::string payload(9000, 'p');
    unsigned sent = 0;
    while (peer.node.engine->writable(0)) {
        send(*peer.node.engine, 0, payload, sent++);
        ASSERT_LT(sent, 100U);
    }
    EXPECT_EQ(sent, 12U);
    peer.node.take(30000);
    EXPECT_FALSE(peer.node.diary.has("output-writable"));
    EXPECT_FALSE(peer.node.engine->writable(0)) << "there is room, but others' turn comes, too";
    peer.node.take(40000);
    EXPECT_TRUE(peer.node.diary.has("output-writable"));
    EXPECT_TRUE(peer.node.engine->writable(0));
}

TEST(EngineLimits, UnsettledDeliveriesPerSession) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame() + begin_frame(0, 0, 0x7fffffffU) +
             attach_frame(0, "r", 0, true) +
             flow_frame(0, uint(0), 0x7fffffffU, 0, uint(0), uint(0), uint(100000)));
    std::uint32_t sent = 0;
    for (; peer.node.engine->writable(0); ++sent) {
        send(*peer.node.engine, 0, "m", sent);
        if (sent % 1000 == 0) {
            peer.node.take();
        }
    }
    peer.node.take();
    EXPECT_EQ(sent, 65536U);
    peer.say(disposition_frame(0, true, 0, 9999));
    EXPECT_FALSE(peer.node.diary.has("session-writable 0")) << "not for a few";
    peer.say(disposition_frame(0, true, 0, 20000));
    EXPECT_TRUE(peer.node.diary.has("session-writable 0"));
    EXPECT_TRUE(peer.node.engine->writable(0));
    EXPECT_EQ(peer.node.diary.outgoing.size(), 20001U);
}

TEST(EngineLimits, FramesLargerThanAChunkStream) {
    EngineConfig config = server_config();
    config.max_frame_size = 1U << 20;
    for (const std::size_t piece : {0U, 1000U, 70000U}) {
        RawPeer peer(config);
        peer.node.diary.auto_credit = 10;
        peer.node.diary.auto_settle = true;
        std::size_t largest = 0;
        peer.node.diary.transfer_hook = [&largest](Transfer& transfer) {
            largest = std::max(largest, transfer.payload.size());
            ASSERT_TRUE(transfer.chunk != nullptr && *transfer.chunk);
        };
        peer.establish();
        std::string payload;
        for (std::size_t i = 0; i < 900000; ++i) {
            payload += static_cast<char>('a' + i % 23);
        }
        peer.say(transfer_frame(0, 0, 0, "t", payload, false, true) +
                     transfer_frame(0, 0, 0, "t", payload, false, false) +
                     transfer_frame(0, 0, 1, "u", "small"),
                 piece);
        ASSERT_EQ(peer.node.diary.received.size(), 2U);
        EXPECT_EQ(peer.node.diary.received[0].payload, payload + payload);
        EXPECT_TRUE(peer.node.diary.received[0].complete);
        EXPECT_EQ(peer.node.diary.received[1].payload, "small");
        EXPECT_LE(largest, ChunkPool::kChunkBytes);
        EXPECT_EQ(peer.node.pool.live(), 0U);
    }
}

TEST(EngineLimits, AStreamingFrameOfAGoneLinkIsSkipped) {
    EngineConfig config = server_config();
    config.max_frame_size = 1U << 20;
    RawPeer peer(config);
    peer.node.diary.auto_credit = 10;
    peer.establish();
    const ByteVector large = transfer_frame(0, 0, 0, "t", std::string(300000, 'x'));
    peer.node.feed(Bytes(large).first(100000));
    EXPECT_EQ(peer.node.diary.received.size(), 1U);
    peer.node.engine->detach(0, {.name = "amqp:link:detach-forced", .description = ""});
    const unsigned frames = peer.node.diary.received[0].frames;
    peer.node.feed(Bytes(large).subspan(100000));
    EXPECT_EQ(peer.node.diary.received[0].frames, frames);
    peer.say(detach_frame(0, 0) + attach_frame(0, "s", 0, false) +
             transfer_frame(0, 0, 1, "u", "next"));
    EXPECT_EQ(peer.node.diary.received.back().payload, "next");
    EXPECT_FALSE(peer.node.diary.closed);
}

TEST(EngineLimits, AHugeAttachIsCollected) {
    EngineConfig config = server_config();
    config.max_frame_size = 1U << 20;
    for (const std::size_t piece : {0U, 999U}) {
        RawPeer peer(config);
        const std::string name(200000, 'n');
        peer.say(amqp_header() + open_frame() + begin_frame(0) + attach_frame(0, name, 0, false) +
                     attach_frame(0, "second", 1, false),
                 piece);
        ASSERT_EQ(peer.node.diary.attaches.size(), 2U);
        EXPECT_EQ(peer.node.diary.attaches[0].name, name);
        EXPECT_EQ(peer.node.diary.attaches[1].name, "second");
    }
}

TEST(EngineLimits, ThePeersHandleMaxIsKept) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame() + begin_frame(0, 0, 1000, 0) +
             attach_frame(0, "one", 0, false));
    Engine::AttachOptions options;
    options.name = "two";
    options.source = source("a");
    peer.node.engine->attach(0, options);
    peer.hear();
    EXPECT_EQ(peer.sent.back().code, 0x17U);
}

TEST(EngineLimits, SmallPeerFramesAreFilledAndKept) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame(512) + begin_frame(0) + attach_frame(0, "r", 0, true) +
             flow_frame(0, uint(0), 1000, 0, uint(0), uint(0), uint(10)));
    peer.hear();
    send(*peer.node.engine, 0, std::string(5000, 'x'), 1);
    const std::vector<Sent> frames = peer.hear();
    EXPECT_GE(frames.size(), 10U);
    EXPECT_LE(frames.size(), 14U);
    for (const Sent& frame : frames) {
        EXPECT_LE(frame.bytes.size(), 512U);
    }
}

TEST(EngineLimits, WhoAsksAndDoesNotReadIsCutOff) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame() + begin_frame(0));
    const std::string name(1000, 'x');
    for (int i = 0; i < 100'000 && !peer.node.diary.closed; ++i) {
        const auto question = attach_frame(0, name, 0, true) + detach_frame(0, 0);
        peer.node.feed(std::as_bytes(std::span(question)));
    }
    EXPECT_TRUE(peer.node.diary.closed);
    EXPECT_EQ(peer.node.diary.close_condition.name, "amqp:resource-limit-exceeded");
    EXPECT_LT(peer.node.engine->output_bytes(), 8U << 20U);
}

// Credit is ours to count: a peer may go on sending without having read what it was given.
TEST(EngineLimits, WhoSendsAndDoesNotReadTheOutcomesIsCutOff) {
    RawPeer peer;
    peer.node.diary.auto_credit = 1000;
    peer.node.diary.auto_settle = true;
    peer.establish();
    std::uint32_t id = 0;
    const auto send_one = [&] {
        // Every other outcome another one: nothing to be joined.
        peer.node.diary.auto_outcome = id % 2 == 0 ? Outcome::kAccepted : Outcome::kReleased;
        const auto one = transfer_frame(0, 0, id++, "t", "m");
        peer.node.feed(std::as_bytes(std::span(one)));
    };
    for (int i = 0; i < 2000; ++i) {
        send_one();
        if (i % 100 == 99) {
            peer.hear();  // the session's window is used, and grows
        }
    }
    while (id < 1'000'000 && !peer.node.diary.closed) {
        send_one();
    }
    EXPECT_TRUE(peer.node.diary.closed);
    EXPECT_EQ(peer.node.diary.close_condition.name, "amqp:resource-limit-exceeded");
    EXPECT_LT(peer.node.engine->output_bytes(), 8U << 20U);
}

TEST(EngineLimits, WordsThatSettleNothingAreNotToldForEachDelivery) {
    RawPeer peer;
    peer.node.diary.auto_credit = 100;
    peer.establish();
    peer.say(attach_frame(0, "r", 1, true) +
             flow_frame(0, uint(0), 1000, 0, uint(1), uint(0), uint(100)));
    for (std::uint32_t i = 0; i < 50; ++i) {
        peer.say(transfer_frame(0, 0, i, "t", "m"));
        send(*peer.node.engine, 1, "m", i);
    }
    peer.hear();
    peer.say(accepted_all(false) + nothing_about_all(false) + nothing_about_all(true));
    EXPECT_EQ(peer.node.diary.incoming.size(), 0U);
    EXPECT_EQ(peer.node.diary.outgoing.size(), 0U) << "no state";
    peer.say(accepted_all(true));
    EXPECT_EQ(peer.node.diary.outgoing.size(), 50U);
    peer.say(disposition_frame(0, false, 0, 0xffffffffU) +
             disposition_frame(0, true, 0, 0xffffffffU));
    EXPECT_EQ(peer.node.diary.incoming.size(), 50U);
    EXPECT_EQ(peer.node.diary.outgoing.size(), 100U);
}

TEST(EngineLimits, WhoSaysTheSameOfAllDeliveriesAgainAndAgainIsStopped) {
    constexpr std::uint32_t kDeliveries = 20'000;
    RawPeer peer;
    peer.say(amqp_header() + open_frame() + begin_frame(0, 0, 0x7fffffffU) +
             attach_frame(0, "r", 0, true) +
             flow_frame(0, uint(0), 0x7fffffffU, 0, uint(0), uint(0), uint(kDeliveries)));
    for (std::uint32_t i = 0; i < kDeliveries; ++i) {
        send(*peer.node.engine, 0, "m", i);
        if (i % 1000 == 0) {
            peer.node.take();
        }
    }
    peer.hear();
    ByteVector words;
    for (int i = 0; i < 1000; ++i) {
        words = words + accepted_all(true);
    }
    peer.say(words);
    EXPECT_EQ(peer.last_condition(), "amqp:resource-limit-exceeded");
    EXPECT_EQ(peer.node.diary.count("session-gone"), 1U);
    EXPECT_FALSE(peer.node.diary.closed) << "other sessions go on";
    EXPECT_LE(peer.node.diary.outgoing.size(), (1U << 18U) + kDeliveries);
}

TEST(EngineLimits, WideDispositionsAreFreeWhileDeliveriesFlow) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame() + begin_frame(0, 0, 0x7fffffffU) +
             attach_frame(0, "r", 0, true) +
             flow_frame(0, uint(0), 0x7fffffffU, 0, uint(0), uint(0), uint(100'000)));
    // 200 are open at a time, and each word is about all of them.
    for (std::uint32_t i = 0; i < 8000; ++i) {
        peer.node.diary.outgoing.clear();
        peer.node.diary.lines.clear();
        send(*peer.node.engine, 0, "m", i);
        peer.node.take();
        peer.node.feed(accepted_all(true));
        if (i >= 200) {
            peer.node.feed(disposition_frame(0, true, i - 200, i - 200));
        }
        ASSERT_FALSE(peer.node.diary.has("session-gone 0")) << i;
    }
    EXPECT_TRUE(peer.node.engine->writable(0));
}

TEST(EngineLimits, WhoDoesNotReadGetsNoHeapOfHeartbeats) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame(65536, 1));
    const ByteVector empty = hex("00 00 00 08 02 00 00 00");
    for (int i = 0; i < 1000; ++i) {
        peer.node.now += 10 * routing::kMillisecond;
        peer.node.feed(std::as_bytes(std::span(empty)));
        const auto next = peer.node.engine->tick(peer.node.now);
        ASSERT_TRUE(next);
        EXPECT_GT(*next, peer.node.now);
    }
    EXPECT_EQ(peer.node.engine->output_bytes(), empty.size());
    EXPECT_FALSE(peer.node.diary.closed);
}

TEST(EngineLimits, AWindowOpenedOftenAtOnceIsToldOnce) {
    RawPeer peer;
    peer.establish();
    ByteVector storm;
    for (int i = 0; i < 100; ++i) {
        storm = std::move(storm) + flow_frame(0, uint(0), 0, 0) + flow_frame(0, uint(0), 10, 0);
    }
    peer.say(storm);
    EXPECT_EQ(peer.node.diary.count("session-writable"), 1U);
    peer.say(flow_frame(0, uint(0), 0, 0));
    peer.say(flow_frame(0, uint(0), 10, 0));
    EXPECT_EQ(peer.node.diary.count("session-writable"), 2U);
}

}  // namespace amqmesh::link::test
