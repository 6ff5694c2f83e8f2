// The engine against Proton's own engine, as client and as server.
#include "tests/link/proton_peer.h"

#include <gtest/gtest.h>
#include <proton/condition.h>
#include <proton/disposition.h>
#include <proton/sasl.h>
#include <proton/terminus.h>

namespace amqmesh::link::test {

namespace {

/// Descriptors of all AMQP frames in a byte stream.
std::vector<unsigned> performatives(std::span<const std::byte> wire) {
    std::vector<unsigned> codes;
    while (wire.size() >= 8) {
        if (wire[0] == std::byte{'A'}) {
            wire = wire.subspan(8);
            continue;
        }
        std::size_t size = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            size = size << 8U | std::to_integer<std::size_t>(wire[i]);
        }
        if (size >= 11) {
            codes.push_back(std::to_integer<unsigned>(wire[10]));
        }
        wire = wire.subspan(size);
    }
    return codes;
}

}  // namespace

TEST(EngineProton, ClientPipelinesEverythingInOneWrite) {
    Node node(server_config());
    node.diary.auto_credit = 100;
    node.diary.auto_settle = true;
    ProtonPeer peer(node);
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* sender = peer.sender(session, "s", "addr");
    pn_link_t* receiver = peer.receiver(session, "r", "addr");
    pn_link_flow(receiver, 7);
    peer.run();
    EXPECT_TRUE(node.diary.has("attach 0 0 s"));
    EXPECT_TRUE(node.diary.has("attach 0 1 r"));
    EXPECT_EQ(node.diary.attaches[0].target.address, "addr");
    EXPECT_EQ(node.diary.attaches[1].source.address, "addr");
    EXPECT_EQ(node.engine->send_credit(1), 7U) << "the flow came before our attach";
    EXPECT_EQ(pn_link_credit(sender), 100);
}

TEST(EngineProton, SaslAnonymousAndPlainRefused) {
    EngineConfig config = server_config();
    config.sasl_required = true;
    Node node(config);
    ProtonPeer peer(node);
    pn_sasl_allowed_mechs(pn_sasl(peer.transport), "ANONYMOUS");
    peer.open();
    peer.run();
    EXPECT_TRUE(peer.saw(PN_CONNECTION_REMOTE_OPEN));
    EXPECT_EQ(node.diary.open.user, "anonymous");

    Node strict(config);
    ProtonPeer bare(strict);
    bare.open();
    bare.run();
    EXPECT_FALSE(strict.diary.opened);
    EXPECT_TRUE(strict.diary.closed);
    EXPECT_TRUE(strict.engine->finished());
}

TEST(EngineProton, MessagesBothWaysAndAllOutcomes) {
    Node node(server_config());
    node.diary.auto_credit = 10;
    ProtonPeer peer(node);
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* sender = peer.sender(session, "s", "addr");
    pn_link_t* receiver = peer.receiver(session, "r", "addr");
    pn_link_flow(receiver, 10);
    peer.run();
    const Outcome kOutcomes[] = {
        Outcome::kAccepted, Outcome::kRejected, Outcome::kReleased, Outcome::kModified};
    for (unsigned i = 0; i < 4; ++i) {
        ProtonPeer::send(sender, std::to_string(i), std::string(i * 50000, 'x'));
    }
    peer.run();
    ASSERT_EQ(node.diary.received.size(), 4U);
    for (unsigned i = 0; i < 4; ++i) {
        EXPECT_EQ(node.diary.received[i].payload.size(), i * 50000U);
        node.engine->dispose(
            0, node.diary.received[i].delivery_id, {.outcome = kOutcomes[i], .raw = {}}, true);
    }
    peer.run();
    EXPECT_EQ(peer.remote_states,
              (std::vector<std::uint64_t>{PN_ACCEPTED, PN_REJECTED, PN_RELEASED, PN_MODIFIED}));

    ASSERT_TRUE(node.engine->writable(1));
    send(*node.engine, 1, "there", 77);
    send(*node.engine, 1, std::string(100000, 'y'), 78, false, "u");
    peer.run();
    EXPECT_EQ(peer.messages, (std::vector<std::string>{"there", std::string(100000, 'y')}));
    ASSERT_EQ(node.diary.outgoing.size(), 2U);
    EXPECT_EQ(node.diary.outgoing[0].context, 77U);
    EXPECT_EQ(node.diary.outgoing[1].context, 78U);
    EXPECT_TRUE(node.diary.outgoing[1].settled);
}

TEST(EngineProton, DrainBothWays) {
    Node node(server_config());
    ProtonPeer peer(node);
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* sender = peer.sender(session, "s", "addr");
    pn_link_t* receiver = peer.receiver(session, "r", "addr");
    pn_link_drain(receiver, 5);
    peer.run();
    EXPECT_TRUE(node.diary.has("flow 1 5 drain"));
    send(*node.engine, 1, "one", 1);
    node.engine->drained(1);
    peer.run();
    EXPECT_EQ(peer.messages.size(), 1U);
    EXPECT_EQ(pn_link_credit(receiver), 0);
    EXPECT_FALSE(pn_link_draining(receiver));
    EXPECT_EQ(node.engine->send_credit(1), 0U);

    node.engine->set_credit(0, 20, true);
    peer.run();
    EXPECT_EQ(pn_link_credit(sender), 20);
    EXPECT_TRUE(pn_link_get_drain(sender));
    ProtonPeer::send(sender, "a", "used");
    pn_link_drained(sender);
    peer.run();
    EXPECT_TRUE(node.diary.has("drained 0"));
    EXPECT_EQ(node.engine->credit(0), 0U);
    EXPECT_EQ(node.diary.received.size(), 1U);
}

TEST(EngineProton, AbortedBothWays) {
    Node node(server_config());
    node.diary.auto_credit = 10;
    ProtonPeer peer(node);
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* sender = peer.sender(session, "s", "addr");
    pn_link_t* receiver = peer.receiver(session, "r", "addr");
    pn_link_flow(receiver, 10);
    peer.run();
    pn_delivery_t* half = ProtonPeer::send(sender, "h", std::string(40000, 'h'), true);
    peer.run();
    ASSERT_EQ(node.diary.received.size(), 1U);
    EXPECT_FALSE(node.diary.received[0].complete);
    pn_delivery_abort(half);
    ProtonPeer::send(sender, "w", "whole");
    peer.run();
    ASSERT_EQ(node.diary.received.size(), 2U);
    EXPECT_TRUE(node.diary.received[0].aborted);
    EXPECT_EQ(node.diary.received[1].payload, "whole");

    OutboundDelivery delivery;
    const auto tag = to_bytes("x");
    delivery.tag = tag;
    node.engine->start_delivery(1, delivery);
    node.engine->write_delivery(1, to_bytes(std::string(30000, 'z')), nullptr, true);
    peer.run();
    node.engine->abort_delivery(1);
    send(*node.engine, 1, "after", 5);
    node.engine->start_delivery(1, delivery);
    node.engine->abort_delivery(1);  // nothing of it was written
    send(*node.engine, 1, "last", 6);
    peer.run();
    EXPECT_EQ(peer.aborted, 2U);
    EXPECT_EQ(peer.messages, (std::vector<std::string>{"after", "last"}));
    EXPECT_EQ(node.diary.outgoing.size(), 2U);
    EXPECT_EQ(peer.condition(), "");
}

TEST(EngineProton, SecondSettleMode) {
    Node node(server_config());
    node.diary.auto_credit = 10;
    ProtonPeer peer(node);
    peer.settle_own = false;
    peer.auto_accept = false;
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* sender = pn_sender(session, "s");
    pn_link_set_rcv_settle_mode(sender, PN_RCV_SECOND);
    pn_link_open(sender);
    pn_link_t* receiver = pn_receiver(session, "r");
    pn_link_set_rcv_settle_mode(receiver, PN_RCV_SECOND);
    pn_link_open(receiver);
    pn_link_flow(receiver, 10);
    peer.run();
    EXPECT_EQ(node.diary.attaches[0].receiver_settle_mode, ReceiverSettleMode::kSecond);
    EXPECT_EQ(pn_link_remote_rcv_settle_mode(sender), PN_RCV_SECOND);

    pn_delivery_t* out = ProtonPeer::send(sender, "t", "twice");
    peer.run();
    const std::uint32_t id = node.diary.received.at(0).delivery_id;
    node.engine->dispose(0, id, {.outcome = Outcome::kAccepted, .raw = {}}, false);
    peer.run();
    EXPECT_EQ(pn_delivery_remote_state(out), std::uint64_t{PN_ACCEPTED});
    EXPECT_FALSE(pn_delivery_settled(out));
    pn_delivery_update(out, PN_ACCEPTED);
    pn_delivery_settle(out);
    peer.run();
    ASSERT_EQ(node.diary.incoming.size(), 1U);
    EXPECT_TRUE(node.diary.incoming[0].settled);
    EXPECT_EQ(node.diary.incoming[0].outcome, Outcome::kAccepted);

    const std::uint32_t sent = send(*node.engine, 1, "back", 42);
    peer.run();
    ASSERT_EQ(peer.unsettled.size(), 1U);
    pn_delivery_update(peer.unsettled[0], PN_ACCEPTED);
    peer.run();
    ASSERT_EQ(node.diary.outgoing.size(), 1U);
    EXPECT_FALSE(node.diary.outgoing[0].settled);
    node.engine->settle_outgoing(0, sent, {.outcome = Outcome::kAccepted, .raw = {}});
    peer.run();
    EXPECT_TRUE(pn_delivery_settled(peer.unsettled[0]));
    pn_delivery_settle(peer.unsettled[0]);
    peer.run();
    EXPECT_EQ(node.diary.outgoing.size(), 1U) << "forgotten when we settled";
}

TEST(EngineProton, RefusedAttachHasNullTermini) {
    Node node(server_config());
    node.diary.auto_accept = false;
    ProtonPeer peer(node);
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* sender = peer.sender(session, "s", "nowhere");
    peer.run();
    node.engine->refuse_attach(0, {.name = "amqp:not-found", .description = "no such address"});
    peer.run();
    EXPECT_TRUE(peer.saw(PN_LINK_REMOTE_OPEN));
    EXPECT_TRUE(peer.saw(PN_LINK_REMOTE_CLOSE));
    EXPECT_EQ(pn_terminus_get_type(pn_link_remote_source(sender)), PN_UNSPECIFIED);
    EXPECT_EQ(pn_terminus_get_type(pn_link_remote_target(sender)), PN_UNSPECIFIED);
    EXPECT_STREQ(pn_condition_get_name(pn_link_remote_condition(sender)), "amqp:not-found");
    pn_link_close(sender);
    peer.run();
    EXPECT_TRUE(node.diary.has("link-gone 0"));
}

TEST(EngineProton, HandlesAndChannelsAreReused) {
    Node node(server_config());
    node.diary.auto_credit = 10;
    node.diary.auto_settle = true;
    ProtonPeer peer(node);
    peer.open();
    for (unsigned round = 0; round < 20; ++round) {
        pn_session_t* session = peer.begin();
        pn_link_t* kept = peer.sender(session, "kept", "a");
        for (unsigned i = 0; i < 5; ++i) {
            pn_link_t* link = peer.sender(session, "again", "a");
            peer.run();
            ProtonPeer::send(link, "t", "m");
            peer.run();
            if (i % 2 == 0) {
                pn_link_close(link);
            } else {
                pn_link_detach(link);
            }
            peer.run();
            pn_link_free(link);
            ProtonPeer::send(kept, "t" + std::to_string(i), "k");
            peer.run();
        }
        pn_session_close(session);
        peer.run();
        pn_session_free(session);
    }
    EXPECT_EQ(node.diary.received.size(), 200U);
    EXPECT_EQ(node.diary.count("detach "), 100U);
    EXPECT_EQ(node.diary.count("link-gone "), 20U);
    EXPECT_EQ(node.diary.count("session-gone "), 20U);
    EXPECT_FALSE(node.diary.closed);
    EXPECT_EQ(peer.condition(), "");
}

TEST(EngineProton, EngineAsInitiator) {
    Node node(client_config());
    ProtonPeer peer(node, true, 4096);
    peer.open();
    const SessionIndex session = node.engine->begin();
    Engine::AttachOptions options;
    options.name = "out";
    options.source = source("here");
    options.target = target("there");
    const LinkIndex link = node.engine->attach(session, options);
    peer.run();
    pn_session_t* theirs = pn_session_head(peer.connection, 0);
    ASSERT_NE(theirs, nullptr);
    pn_session_open(theirs);
    pn_link_t* receiver = pn_link_head(peer.connection, 0);
    ASSERT_NE(receiver, nullptr);
    EXPECT_STREQ(pn_terminus_get_address(pn_link_remote_target(receiver)), "there");
    pn_link_open(receiver);
    pn_link_flow(receiver, 3);
    peer.run();
    EXPECT_EQ(node.engine->remote_max_frame_size(), 4096U);
    ASSERT_TRUE(node.engine->writable(link));
    const std::string big(50000, 'q');
    send(*node.engine, link, big, 9);
    peer.run();
    EXPECT_EQ(peer.messages, std::vector<std::string>{big});
    ASSERT_EQ(node.diary.outgoing.size(), 1U);
    node.engine->detach(link, {});
    peer.run();
    pn_link_close(receiver);
    peer.run();
    EXPECT_TRUE(node.diary.has("link-gone 0"));
    node.engine->end(session, {});
    peer.run();
    pn_session_close(theirs);
    peer.run();
    EXPECT_TRUE(node.diary.has("session-gone 0"));
}

TEST(EngineProton, HotFramesAreOursAlone) {
    // Proton inside the engine asserts (watch_output) that it emits none of 0x13-0x15; here, that
    // an exchange without deliveries and credit emits none at all.
    Node node(server_config());
    ProtonPeer peer(node);
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* link = peer.sender(session, "s", "a");
    peer.run();
    pn_link_close(link);
    peer.run();
    pn_session_close(session);
    peer.run();
    pn_connection_close(peer.connection);
    peer.run();
    EXPECT_EQ(performatives(peer.wire),
              (std::vector<unsigned>{0x10, 0x11, 0x12, 0x16, 0x17, 0x18}));
    EXPECT_TRUE(node.engine->finished());
}

TEST(EngineProton, WindowKeepsAStreamGoing) {
    Node node(server_config());
    node.diary.auto_credit = 10;
    node.diary.auto_settle = true;
    ProtonPeer peer(node);
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* sender = peer.sender(session, "s", "a");
    peer.run();
    const std::string big(6U << 20U, 'b');  // more than one window
    ProtonPeer::send(sender, "t", big);
    peer.run();
    ASSERT_EQ(node.diary.received.size(), 1U);
    EXPECT_EQ(node.diary.received[0].payload.size(), big.size());
    EXPECT_TRUE(node.diary.received[0].complete);
    EXPECT_EQ(peer.remote_states, std::vector<std::uint64_t>{PN_ACCEPTED});
}

TEST(EngineProton, HeldBytesStopTheSender) {
    Node node(server_config());
    node.diary.auto_credit = 10;
    node.diary.transfer_hook = [&node](Transfer& transfer) {
        node.engine->hold(transfer.session, transfer.payload.size());
    };
    ProtonPeer peer(node);
    peer.open();
    pn_session_t* session = peer.begin();
    pn_link_t* sender = peer.sender(session, "s", "a");
    peer.run();
    ProtonPeer::send(sender, "t", std::string(16U << 20U, 'b'));
    peer.run();
    ASSERT_EQ(node.diary.received.size(), 1U);
    const std::size_t held = node.diary.received[0].payload.size();
    EXPECT_FALSE(node.diary.received[0].complete);
    EXPECT_LE(held, 3U * (4U << 20U)) << "the budget and what was already promised";
    node.diary.transfer_hook = nullptr;
    node.engine->unhold(0, held);
    peer.run();
    EXPECT_TRUE(node.diary.received[0].complete);
    EXPECT_EQ(node.diary.received[0].payload.size(), 16U << 20U);
}

}  // namespace amqmesh::link::test
