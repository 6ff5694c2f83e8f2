// Peers that break the rules, and corners of the protocol that libraries never show.
#include "tests/link/raw_frames.h"

#include <gtest/gtest.h>

namespace amqmesh::link::test {

namespace {

/// Bytes after an established session and link, and the condition the connection must die of.
struct Fault {
    const char* name;
    ByteVector bytes;
    const char* condition;
};

void PrintTo(const Fault& fault, std::ostream* out) {
    *out << fault.name;
}

const char* const kFraming = "amqp:connection:framing-error";
const char* const kDecode = "amqp:decode-error";
const char* const kNotAllowed = "amqp:not-allowed";

std::vector<Fault> connection_faults() {
    return {
        {"size_below_header", hex("00 00 00 07 02 00 00 00"), kFraming},
        {"size_above_limit", hex("00 00 40 01 02 00 00 00"), kFraming},
        {"size_enormous", hex("ff ff ff ff 02 00 00 00"), kFraming},
        {"doff_too_small", hex("00 00 00 08 01 00 00 00"), kFraming},
        {"doff_behind_end", hex("00 00 00 08 03 00 00 00"), kFraming},
        {"unknown_type", hex("00 00 00 08 02 07 00 00"), kFraming},
        {"sasl_frame", frame(0, described(0x41, list({symbol("ANONYMOUS")})), 1), kFraming},
        {"header_again", amqp_header(), kFraming},
        {"garbage_body", frame(0, hex("de ad be ef")), kDecode},
        {"not_described", frame(0, hex("45 45 45 45")), kDecode},
        {"list_overruns", frame(0, hex("00 53 17 c0 20 01 40")), kDecode},
        {"count_too_high", frame(0, hex("00 53 17 c0 02 05 40")), kDecode},
        {"unknown_performative", frame(0, described(0x19, hex("45"))), kDecode},
        {"second_open", open_frame(), kNotAllowed},
        {"channel_without_session", end_frame(7), kNotAllowed},
        {"transfer_without_session", transfer_frame(7, 0, 0, "t", "x"), kNotAllowed},
        {"begin_twice", begin_frame(0), kNotAllowed},
        {"begin_answers_nothing",
         frame(3, described(0x11, list({ushort(9), uint(0), uint(1), uint(1)}))),
         kNotAllowed},
        {"begin_above_channel_max", begin_frame(40000), kFraming},
        {"begin_without_window", frame(3, described(0x11, list({null(), uint(0)}))), kDecode},
        {"attach_handle_too_high", attach_frame(0, "x", 0x80000000U, false), kFraming},
        {"attach_without_name",
         frame(0, described(0x12, list({null(), uint(4), boolean(false)}))),
         kDecode},
        {"attach_bad_settle_mode",
         frame(0, described(0x12, list({string("x"), uint(4), boolean(false), ubyte(3)}))),
         kDecode},
        {"attach_name_of_wrong_type",
         frame(0, described(0x12, list({binary("x"), uint(4), boolean(false)}))),
         kDecode},
        {"transfer_without_handle", frame(0, described(0x14, list({null()}))), kDecode},
        {"transfer_tag_too_long",
         frame(0, described(0x14, list({uint(0), uint(0), binary(std::string(33, 't'))}))),
         kDecode},
        {"flow_without_windows", frame(0, described(0x13, list({null()}))), kDecode},
        {"disposition_without_role", frame(0, described(0x15, list({null(), uint(0)}))), kDecode},
        {"disposition_broken_state",
         frame(0, described(0x15, list({boolean(true), uint(0), null(), null(), hex("00 53")}))),
         kDecode},
        {"detach_without_handle", frame(0, described(0x16, hex("45"))), kDecode},
        {"payload_behind_attach",
         frame(0, described(0x16, list({uint(0)})) + to_bytes("surplus")),
         kDecode},
        {"deep_nesting",
         [] {
             ByteVector value = null();
             for (int i = 0; i < 100; ++i) {
                 value = list({value});
             }
             return frame(0, described(0x16, list({uint(0), boolean(true), value})));
         }(),
         kDecode},
    };
}

class ConnectionFault : public ::testing::TestWithParam<Fault> {};

}  // namespace

TEST_P(ConnectionFault, ClosesWithItsCondition) {
    for (const std::size_t piece : {0U, 1U, 3U}) {
        RawPeer peer;
        peer.establish();
        peer.say(GetParam().bytes, piece);
        ASSERT_TRUE(peer.node.diary.closed);
        EXPECT_EQ(peer.node.diary.close_condition.name, GetParam().condition);
        EXPECT_FALSE(peer.node.diary.closed_by_peer);
        ASSERT_EQ(peer.sent.back().code, 0x18U);
        EXPECT_EQ(peer.last_condition(), GetParam().condition);
        // Links and sessions were taken down first, and nothing is heard any more.
        const auto& lines = peer.node.diary.lines;
        ASSERT_GE(lines.size(), 3U);
        EXPECT_EQ(lines[lines.size() - 3], "link-gone 0");
        EXPECT_EQ(lines[lines.size() - 2], "session-gone 0");
        const std::size_t told = lines.size();
        peer.say(transfer_frame(0, 0, 0, "t", "late"));
        EXPECT_EQ(lines.size(), told);
        // The peer's close is not waited for longer than the linger.
        EXPECT_FALSE(peer.node.engine->finished());
        peer.node.engine->tick(3 * routing::kSecond);
        EXPECT_TRUE(peer.node.engine->finished());
    }
}

INSTANTIATE_TEST_SUITE_P(EngineRaw,
                         ConnectionFault,
                         ::testing::ValuesIn(connection_faults()),
                         [](const auto& fault) { return std::string(fault.param.name); });

namespace {

std::vector<Fault> session_faults() {
    return {
        {"unattached_handle", transfer_frame(0, 5, 0, "t", "x"), "amqp:session:unattached-handle"},
        {"flow_on_unattached_handle",
         flow_frame(0, uint(0), 10, 0, uint(5), uint(0), uint(1)),
         "amqp:session:unattached-handle"},
        {"detach_of_unattached_handle", detach_frame(0, 5), "amqp:session:unattached-handle"},
        {"handle_in_use", attach_frame(0, "other", 0, false), "amqp:session:handle-in-use"},
        {"name_in_use", attach_frame(0, "s", 1, false), kNotAllowed},
        {"first_without_id",
         frame(0, described(0x14, list({uint(0), null(), binary("t")})) + to_bytes("x")),
         "amqp:invalid-field"},
        {"first_without_tag",
         frame(0, described(0x14, list({uint(0), uint(0)})) + to_bytes("x")),
         "amqp:invalid-field"},
        {"delivery_inside_delivery",
         transfer_frame(0, 0, 0, "t", "x", false, true) + transfer_frame(0, 0, 1, "u", "y"),
         kNotAllowed},
        {"live_delivery_id_again",
         transfer_frame(0, 0, 0, "t", "x") + transfer_frame(0, 0, 0, "u", "y"),
         kNotAllowed},
        {"transfer_to_our_sender",
         attach_frame(0, "r", 1, true) + transfer_frame(0, 1, 0, "t", "x"),
         kNotAllowed},
    };
}

class SessionFault : public ::testing::TestWithParam<Fault> {};

}  // namespace

TEST_P(SessionFault, EndsTheSessionAlone) {
    RawPeer peer;
    peer.node.diary.auto_credit = 10;
    peer.establish();
    peer.say(begin_frame(1) + attach_frame(1, "s2", 0, false));
    peer.say(GetParam().bytes);
    ASSERT_EQ(peer.sent.back().code, 0x17U);
    EXPECT_EQ(peer.sent.back().channel, 0);
    EXPECT_EQ(peer.last_condition(), GetParam().condition);
    EXPECT_TRUE(peer.node.diary.has("link-gone 0"));
    EXPECT_TRUE(peer.node.diary.has("session-gone 0"));
    EXPECT_FALSE(peer.node.diary.closed);
    // What the peer sent before it saw our end is discarded; then the channel is free again.
    peer.node.diary.received.clear();
    peer.say(transfer_frame(0, 0, 3, "t", "late") + attach_frame(0, "late", 9, false) +
             end_frame(0));
    EXPECT_TRUE(peer.node.diary.received.empty());
    peer.say(begin_frame(0) + attach_frame(0, "s", 0, false) + transfer_frame(0, 0, 0, "t", "ok") +
             transfer_frame(1, 0, 0, "t", "ok"));
    EXPECT_EQ(peer.node.diary.received.size(), 2U);
    EXPECT_FALSE(peer.node.diary.closed);
}

INSTANTIATE_TEST_SUITE_P(EngineRaw,
                         SessionFault,
                         ::testing::ValuesIn(session_faults()),
                         [](const auto& fault) { return std::string(fault.param.name); });

TEST(EngineRaw, GarbageInsteadOfAHeaderGetsOurHeader) {
    for (const char* garbage :
         {"GET / HTTP/1.1\r\n\r\n", "AMQP\x01\x01\x00\x0a....", "\x16\x03\x01"}) {
        RawPeer peer;
        const std::vector<Sent> answer = peer.say(to_bytes(garbage));
        ASSERT_EQ(answer.size(), 1U);
        EXPECT_EQ(answer[0].bytes, amqp_header());
        EXPECT_TRUE(peer.node.diary.closed);
        EXPECT_TRUE(peer.node.engine->finished());
    }
}

TEST(EngineRaw, SaslRequiredAnswersABareHeaderWithSasl) {
    EngineConfig config = server_config();
    config.sasl_required = true;
    RawPeer peer(config);
    const std::vector<Sent> answer = peer.say(amqp_header() + open_frame());
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(answer[0].bytes, sasl_header());
    EXPECT_TRUE(peer.node.engine->finished());
}

TEST(EngineRaw, PipelinedSaslInOneWrite) {
    for (const std::size_t piece : {0U, 1U, 5U}) {
        RawPeer peer;
        peer.node.diary.auto_credit = 10;
        const ByteVector init =
            frame(0, described(0x41, list({symbol("ANONYMOUS"), binary("x")})), 1);
        peer.say(sasl_header() + init + amqp_header() + open_frame() + begin_frame(0) +
                     attach_frame(0, "s", 0, false),
                 piece);
        EXPECT_TRUE(peer.node.diary.has("attach 0 0 s"));
        EXPECT_EQ(peer.node.diary.open.sasl_mechanism, "ANONYMOUS");
        EXPECT_FALSE(peer.node.diary.closed);
    }
}

TEST(EngineRaw, UnknownMechanismIsRefused) {
    RawPeer peer;
    const ByteVector init = frame(0, described(0x41, list({symbol("SCRAM-NO"), binary("x")})), 1);
    peer.say(sasl_header() + init + amqp_header() + open_frame());
    EXPECT_FALSE(peer.node.diary.opened);
    EXPECT_TRUE(peer.node.diary.closed);
}

TEST(EngineRaw, ExternalTakesTheIdentityFromOutside) {
    EngineConfig config = server_config();
    config.sasl_mechanisms = "EXTERNAL";
    config.external_identity = "CN=client";
    const auto say = [](const EngineConfig& with, const char* mechanism, const char* acting_for) {
        RawPeer peer(with);
        peer.say(sasl_header() +
                 frame(0, described(0x41, list({symbol(mechanism), binary(acting_for)})), 1) +
                 amqp_header() + open_frame());
        return peer.node.diary.opened ? peer.node.diary.open.user : "refused";
    };
    EXPECT_EQ(say(config, "EXTERNAL", ""), "CN=client");
    EXPECT_EQ(say(config, "EXTERNAL", "CN=client"), "CN=client");
    EXPECT_EQ(say(config, "EXTERNAL", "CN=somebody"), "refused");
    EXPECT_EQ(say(config, "ANONYMOUS", ""), "refused") << "not among the allowed";
    EXPECT_EQ(say(config, "PLAIN", "x"), "refused");
    config.external_identity.clear();
    EXPECT_EQ(say(config, "EXTERNAL", ""), "refused") << "nobody outside said who it is";
}

TEST(EngineRaw, FramesBeforeOpenAreRefused) {
    for (const ByteVector& early :
         {begin_frame(0), close_frame(), transfer_frame(0, 0, 0, "t", "x")}) {
        RawPeer peer;
        peer.say(amqp_header() + early);
        EXPECT_TRUE(peer.node.diary.closed);
        EXPECT_EQ(peer.node.diary.close_condition.name, kNotAllowed);
        ASSERT_GE(peer.sent.size(), 3U) << "header, open, close";
        EXPECT_EQ(peer.sent.back().code, 0x18U);
    }
}

TEST(EngineRaw, TransferWithoutCreditDetachesTheLink) {
    RawPeer peer;
    peer.establish();
    peer.node.engine->set_credit(0, 2);
    peer.hear();
    peer.say(transfer_frame(0, 0, 0, "a", "1") + transfer_frame(0, 0, 1, "b", "2") +
             transfer_frame(0, 0, 2, "c", "3"));
    EXPECT_EQ(peer.node.diary.received.size(), 2U);
    ASSERT_EQ(peer.sent.back().code, 0x16U);
    EXPECT_EQ(peer.last_condition(), "amqp:link:transfer-limit-exceeded");
    EXPECT_TRUE(peer.node.diary.has("link-gone 0"));
    // The handle stays the peer's until its own detach.
    peer.say(transfer_frame(0, 0, 3, "d", "4") + detach_frame(0, 0) +
             attach_frame(0, "s", 0, false));
    EXPECT_EQ(peer.node.diary.count("attach "), 2U);
    EXPECT_FALSE(peer.node.diary.closed);
}

TEST(EngineRaw, CreditTakenBackIsNotHeldAgainstTheSender) {
    RawPeer peer;
    peer.establish();
    peer.node.engine->set_credit(0, 5);
    peer.hear();
    peer.node.engine->set_credit(0, 0);
    peer.say(transfer_frame(0, 0, 0, "a", "1"));  // was on its way
    EXPECT_EQ(peer.node.diary.received.size(), 1U);
    EXPECT_EQ(peer.node.engine->credit(0), 0U);
}

TEST(EngineRaw, ResumeIsRefused) {
    RawPeer peer;
    peer.node.diary.auto_credit = 10;
    peer.establish();
    peer.say(frame(0,
                   described(0x14,
                             list({uint(0),
                                   uint(0),
                                   binary("t"),
                                   uint(0),
                                   boolean(false),
                                   boolean(false),
                                   null(),
                                   null(),
                                   boolean(true)}))));
    ASSERT_EQ(peer.sent.back().code, 0x16U);
    EXPECT_EQ(peer.last_condition(), "amqp:not-implemented");
}

TEST(EngineRaw, IdsWrapAround) {
    RawPeer peer;
    peer.node.diary.auto_credit = 10;
    peer.node.diary.auto_settle = true;
    const std::uint32_t start = 0xfffffffcU;
    peer.say(amqp_header() + open_frame() + begin_frame(0, start) +
             attach_frame(0, "s", 0, false, start));
    for (std::uint32_t i = 0; i < 20; ++i) {
        peer.say(transfer_frame(0, 0, start + i, "t", "m"));
    }
    EXPECT_EQ(peer.node.diary.received.size(), 20U);
    EXPECT_EQ(peer.node.engine->credit(0), 10U);
    ASSERT_FALSE(peer.node.diary.closed);
    // The last flow tells delivery-count and next-incoming-id past zero.
    bool seen = false;
    for (const Sent& frame : peer.sent) {
        seen = seen || frame.code == 0x13U;
    }
    EXPECT_TRUE(seen);
}

TEST(EngineRaw, OneDispositionForAWholeBatch) {
    RawPeer peer;
    peer.node.diary.auto_credit = 1000;
    peer.node.diary.auto_settle = true;
    peer.establish();
    ByteVector batch;
    for (std::uint32_t i = 0; i < 50; ++i) {
        batch = std::move(batch) + transfer_frame(0, 0, i, "t", "m");
    }
    const std::vector<Sent> answer = peer.say(batch);
    ASSERT_EQ(answer.size(), 2U) << "one disposition, one flow";
    EXPECT_EQ(answer[0].code, 0x15U);
    EXPECT_EQ(answer[1].code, 0x13U);
}

TEST(EngineRaw, HugeDispositionRangeTouchesOnlyWhatIsKnown) {
    RawPeer peer;
    peer.establish();
    peer.say(attach_frame(0, "r", 1, true) +
             flow_frame(0, uint(0), 1000, 0, uint(1), null(), uint(10)));
    for (std::uint64_t i = 0; i < 5; ++i) {
        send(*peer.node.engine, 1, "m", i);
    }
    peer.hear();
    for (int i = 0; i < 1000; ++i) {
        peer.say(disposition_frame(0, true, 0, 0xffffffffU));
        peer.say(disposition_frame(0, false, 0, 0xffffffffU));
    }
    EXPECT_EQ(peer.node.diary.outgoing.size(), 5U);
    peer.say(disposition_frame(0, true, 7, 3));
    EXPECT_FALSE(peer.node.diary.closed);
}

TEST(EngineRaw, FirstFlowBeforeOurBeginCounts) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame() + begin_frame(0) + attach_frame(0, "r", 0, true) +
             flow_frame(0, null(), 50, 0, uint(0), null(), uint(3)));
    EXPECT_EQ(peer.node.engine->send_credit(0), 3U);
    EXPECT_TRUE(peer.node.engine->writable(0));
}

TEST(EngineRaw, EchoIsAnswered) {
    RawPeer peer;
    peer.establish();
    std::vector<Sent> answer =
        peer.say(flow_frame(0, uint(0), 10, 0, null(), null(), null(), false, true));
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(answer[0].code, 0x13U);
    answer = peer.say(flow_frame(0, uint(0), 10, 0, uint(0), uint(0), null(), false, true));
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(answer[0].code, 0x13U);
}

TEST(EngineRaw, ClosedSessionWindowStopsUs) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame() + begin_frame(0, 0, 2) + attach_frame(0, "r", 0, true) +
             flow_frame(0, uint(0), 2, 0, uint(0), uint(0), uint(100)));
    send(*peer.node.engine, 0, "1", 1);
    send(*peer.node.engine, 0, "2", 2);
    EXPECT_FALSE(peer.node.engine->writable(0));
    EXPECT_EQ(peer.hear().size(), 2U);
    peer.say(flow_frame(0, uint(1), 2, 0));  // has seen one of two: one more
    EXPECT_TRUE(peer.node.diary.has("session-writable 0"));
    ASSERT_TRUE(peer.node.engine->writable(0));
    send(*peer.node.engine, 0, "3", 3);
    EXPECT_FALSE(peer.node.engine->writable(0));
    // An absurd flow must not open it.
    peer.say(flow_frame(0, uint(0x80000000U), 0, 0));
    EXPECT_FALSE(peer.node.engine->writable(0));
}

TEST(EngineRaw, OverrunOfOurWindowEndsTheSession) {
    EngineConfig config = server_config();
    config.session_bytes_max = 64 * 1024;  // a window of 4 frames
    RawPeer peer(config);
    peer.node.diary.auto_credit = 10000;
    peer.node.diary.transfer_hook = [&peer](Transfer& transfer) {
        peer.node.engine->hold(transfer.session, 1U << 20U);  // never renew
    };
    peer.establish();
    ByteVector frames;
    for (std::uint32_t i = 0; i < 5; ++i) {
        frames = std::move(frames) + transfer_frame(0, 0, i, "t", "m");
    }
    peer.say(frames);
    EXPECT_EQ(peer.node.diary.received.size(), 4U);
    ASSERT_EQ(peer.sent.back().code, 0x17U);
    EXPECT_EQ(peer.last_condition(), "amqp:session:window-violation");
}

TEST(EngineRaw, EmptyFramesAreLifeAndNothingElse) {
    RawPeer peer;
    peer.establish();
    EXPECT_TRUE(
        peer.say(hex("00 00 00 08 02 00 00 00") + hex("00 00 00 0c 03 00 00 00 01 02 03 04"), 1)
            .empty());
    EXPECT_FALSE(peer.node.diary.closed);
    EXPECT_EQ(peer.node.pool.live(), 0U);
}

TEST(EngineRaw, EndAndEofTakeLinksDown) {
    RawPeer peer;
    peer.establish();
    peer.say(begin_frame(1) + attach_frame(1, "other", 0, false));
    const std::vector<Sent> answer = peer.say(end_frame(0));
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(answer[0].code, 0x17U);
    EXPECT_TRUE(peer.node.diary.has("link-gone 0"));
    EXPECT_TRUE(peer.node.diary.has("session-gone 0"));
    EXPECT_FALSE(peer.node.diary.has("link-gone 1"));
    peer.node.engine->input_closed("connection reset", 5);
    EXPECT_TRUE(peer.node.diary.has("link-gone 1"));
    EXPECT_TRUE(peer.node.diary.closed);
    EXPECT_EQ(peer.node.diary.close_condition.description, "connection reset");
    EXPECT_TRUE(peer.node.engine->finished());
}

TEST(EngineRaw, DetachUnansweredAttach) {
    RawPeer peer;
    peer.node.diary.auto_accept = false;
    peer.establish();
    const std::vector<Sent> answer = peer.say(detach_frame(0, 0, false));
    ASSERT_EQ(answer.size(), 2U) << "attach, then detach";
    EXPECT_EQ(answer[0].code, 0x12U);
    EXPECT_EQ(answer[1].code, 0x16U);
    EXPECT_TRUE(peer.node.diary.has("detach 0 open"));
    peer.node.engine->accept_attach(0, source("a"), target("a"));  // too late, and harmless
    EXPECT_FALSE(peer.node.engine->has_output());
}

TEST(EngineRaw, OutcomeReachesTheHandlerByteForByte) {
    RawPeer peer;
    peer.establish();
    peer.say(attach_frame(0, "r", 1, true) +
             flow_frame(0, uint(0), 1000, 0, uint(1), uint(0), uint(10)));
    const std::uint32_t id = send(*peer.node.engine, 1, "m", 9);
    const ByteVector rejected = described(
        0x25, list({described(0x1d, list({symbol("x:own"), string("because"), null()}))}));
    peer.say(frame(
        0, described(0x15, list({boolean(true), uint(id), null(), boolean(true), rejected}))));
    ASSERT_EQ(peer.node.diary.outgoing.size(), 1U);
    EXPECT_EQ(peer.node.diary.outgoing[0].outcome, Outcome::kRejected);
    EXPECT_EQ(peer.node.diary.outgoing[0].raw, rejected);

    // And back out to another peer, untouched.
    peer.node.engine->set_credit(0, 1);
    peer.say(transfer_frame(0, 0, 0, "t", "m"));
    peer.node.engine->dispose(0, 0, {.outcome = Outcome::kRejected, .raw = rejected}, true);
    const std::vector<Sent> answer = peer.hear();
    ASSERT_FALSE(answer.empty());
    EXPECT_NE(to_text(answer[0].bytes).find(to_text(rejected)), std::string::npos);
}

TEST(EngineRaw, AnAbortWaitsForTheWindow) {
    RawPeer peer;
    peer.say(amqp_header() + open_frame() + begin_frame(0, 0, 1) + attach_frame(0, "r", 0, true) +
             flow_frame(0, uint(0), 1, 0, uint(0), uint(0), uint(100)));
    OutboundDelivery delivery;
    const ByteVector tag = to_bytes("half");
    delivery.tag = tag;
    peer.node.engine->start_delivery(0, delivery);
    peer.node.engine->write_delivery(0, to_bytes("half of it"), nullptr, true);
    peer.node.engine->abort_delivery(0);
    EXPECT_EQ(peer.hear().size(), 1U) << "the abort would overrun the window";
    EXPECT_FALSE(peer.node.engine->writable(0));
    const std::vector<Sent> answer = peer.say(flow_frame(0, uint(1), 5, 0));
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(answer[0].code, 0x14U);
    EXPECT_TRUE(peer.node.engine->writable(0));
    send(*peer.node.engine, 0, "next", 1);
    EXPECT_EQ(peer.hear().size(), 1U);
}

TEST(EngineRaw, TheTraceTellsEveryFrame) {
    RawPeer peer;
    peer.node.diary.auto_credit = 10;
    std::vector<std::string> lines;
    peer.node.engine->set_trace([&lines](std::string_view line) { lines.emplace_back(line); });
    peer.establish();
    peer.say(transfer_frame(0, 0, 7, "t", "12345"));
    peer.node.engine->dispose(0, 7, {.outcome = Outcome::kReleased, .raw = {}}, true);
    peer.hear();
    peer.say(hex("00 00 00 08 02 00 00 00"));
    const std::vector<std::string> expected = {
        "<- ch=0 open",
        "-> ch=0 open",
        "<- ch=0 begin",
        "-> ch=0 begin",
        "<- ch=0 attach",
        "-> ch=0 attach",
        "-> ch=0 flow window=128 next-out=0 handle=0 count=0 credit=10 drain=0 echo=0",
        "<- ch=0 transfer handle=0 id=7 settled=0 more=0 aborted=0 payload=5",
        "-> ch=0 flow window=",
        "-> ch=0 disposition role=receiver first=7 last=7 settled=1 outcome=4",
        "<- ch=0 empty"};
    ASSERT_EQ(lines.size(), expected.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(lines[i].substr(0, expected[i].size()), expected[i]);
    }
    peer.node.engine->set_trace({});
    peer.say(transfer_frame(0, 0, 8, "t", "x"));
    EXPECT_EQ(lines.size(), expected.size());
}

}  // namespace amqmesh::link::test
