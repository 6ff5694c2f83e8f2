// Our codec against Proton's, both ways, and against damaged bytes.
#include "link/codec.h"

#include "tests/link/raw_frames.h"

#include <gtest/gtest.h>
#include <proton/codec.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>

namespace amqmesh::link::test {

namespace {

struct FreeData {
    void operator()(pn_data_t* data) const { pn_data_free(data); }
};

using DataPtr = std::unique_ptr<pn_data_t, FreeData>;

DataPtr new_data() {
    return DataPtr(pn_data(16));
}

ByteVector encoded(pn_data_t* data) {
    ByteVector bytes(static_cast<std::size_t>(pn_data_encoded_size(data)));
    const ssize_t size = pn_data_encode(data, reinterpret_cast<char*>(bytes.data()), bytes.size());
    EXPECT_EQ(size, static_cast<ssize_t>(bytes.size()));
    return bytes;
}

/// Proton's reading of a frame's performative; entered, before the first field.
DataPtr decoded(Bytes frame, std::uint64_t descriptor) {
    DataPtr data = new_data();
    const Bytes body = frame.subspan(kFrameHeaderBytes);
    EXPECT_GT(pn_data_decode(data.get(), reinterpret_cast<const char*>(body.data()), body.size()),
              0);
    pn_data_rewind(data.get());
    EXPECT_TRUE(pn_data_next(data.get()));
    EXPECT_EQ(pn_data_type(data.get()), PN_DESCRIBED);
    pn_data_enter(data.get());
    EXPECT_TRUE(pn_data_next(data.get()));
    EXPECT_EQ(pn_data_get_ulong(data.get()), descriptor);
    EXPECT_TRUE(pn_data_next(data.get()));
    EXPECT_EQ(pn_data_type(data.get()), PN_LIST);
    pn_data_enter(data.get());
    return data;
}

std::optional<std::uint32_t> next_uint(pn_data_t* data) {
    if (!pn_data_next(data) || pn_data_type(data) != PN_UINT) {
        return std::nullopt;
    }
    return pn_data_get_uint(data);
}

bool next_bool(pn_data_t* data) {
    return pn_data_next(data) && pn_data_type(data) == PN_BOOL && pn_data_get_bool(data);
}

using Random = std::mt19937;

std::optional<std::uint32_t> maybe_uint(Random& random) {
    switch (random() % 4) {
        case 0:
            return std::nullopt;
        case 1:
            return 0;
        case 2:
            return static_cast<std::uint32_t>(random() % 256);
        default:
            return static_cast<std::uint32_t>(random());
    }
}

std::uint32_t any_uint(Random& random) {
    return maybe_uint(random).value_or(0xffffffffU);
}

bool any_bool(Random& random) {
    return random() % 2 == 0;
}

void put(pn_data_t* data, std::optional<std::uint32_t> value) {
    value ? pn_data_put_uint(data, *value) : pn_data_put_null(data);
}

/// Opens the described list of a performative.
DataPtr performative(std::uint64_t descriptor) {
    DataPtr data = new_data();
    pn_data_put_described(data.get());
    pn_data_enter(data.get());
    pn_data_put_ulong(data.get(), descriptor);
    pn_data_put_list(data.get());
    pn_data_enter(data.get());
    return data;
}

ByteVector finish(const DataPtr& data) {
    pn_data_exit(data.get());
    pn_data_exit(data.get());
    return encoded(data.get());
}

/// One random value, possibly compound and described.
void put_any(pn_data_t* data, Random& random, unsigned depth) {
    const std::string text(random() % 300, 'x');
    switch (random() % (depth > 3 ? 12U : 16U)) {
        case 0:
            pn_data_put_null(data);
            return;
        case 1:
            pn_data_put_bool(data, any_bool(random));
            return;
        case 2:
            pn_data_put_ubyte(data, static_cast<std::uint8_t>(random()));
            return;
        case 3:
            pn_data_put_ushort(data, static_cast<std::uint16_t>(random()));
            return;
        case 4:
            pn_data_put_uint(data, any_uint(random));
            return;
        case 5:
            pn_data_put_ulong(data, any_uint(random));
            return;
        case 6:
            pn_data_put_long(data, static_cast<std::int64_t>(random()) << 20U);
            return;
        case 7:
            pn_data_put_double(data, 1.5);
            return;
        case 8:
            pn_data_put_uuid(data, pn_uuid_t{});
            return;
        case 9:
            pn_data_put_binary(data, pn_bytes(text.size(), text.data()));
            return;
        case 10:
            pn_data_put_string(data, pn_bytes(text.size(), text.data()));
            return;
        case 11:
            pn_data_put_symbol(data, pn_bytes(text.size(), text.data()));
            return;
        case 12:
            pn_data_put_list(data);
            break;
        case 13:
            pn_data_put_array(data, false, PN_UINT);
            pn_data_enter(data);
            for (auto i = random() % 5; i > 0; --i) {
                pn_data_put_uint(data, any_uint(random));
            }
            pn_data_exit(data);
            return;
        case 14:
            pn_data_put_described(data);
            pn_data_enter(data);
            pn_data_put_ulong(data, 0x24);
            put_any(data, random, depth + 1);
            pn_data_exit(data);
            return;
        default:
            pn_data_put_map(data);
            break;
    }
    pn_data_enter(data);
    for (auto i = random() % 4; i > 0; --i) {
        put_any(data, random, depth + 1);
        put_any(data, random, depth + 1);
    }
    pn_data_exit(data);
}

}  // namespace

TEST(Codec, TransfersThatWeWriteProtonReads) {
    Random random(1);
    for (int round = 0; round < 2000; ++round) {
        const ByteVector tag(1 + random() % 32, std::byte{7});
        TransferFrame frame;
        frame.handle = any_uint(random);
        frame.delivery_id = maybe_uint(random);
        if (any_bool(random)) {
            frame.tag = tag;
        }
        frame.message_format = maybe_uint(random);
        frame.settled = any_bool(random);
        frame.more = any_bool(random);
        if (any_bool(random)) {
            frame.receiver_settle_mode = ReceiverSettleMode::kSecond;
        }
        frame.aborted = any_bool(random);
        std::array<std::byte, kTransferBytesMax + kTagBytesMax> out{};
        const std::size_t bytes = encode(out.data(), 77, frame, 1000);
        ASSERT_LE(bytes, out.size());
        EXPECT_EQ(load_u32(out.data()), bytes + 1000);
        EXPECT_EQ(load_u16(&out[6]), 77);
        const DataPtr data = decoded(Bytes(out).first(bytes), 0x14);
        EXPECT_EQ(next_uint(data.get()), frame.handle);
        EXPECT_EQ(next_uint(data.get()), frame.delivery_id);
        if (frame.tag) {
            ASSERT_TRUE(pn_data_next(data.get()));
            EXPECT_EQ(pn_data_get_binary(data.get()).size, tag.size());
        } else {
            pn_data_next(data.get());
        }
        EXPECT_EQ(next_uint(data.get()), frame.message_format);
        EXPECT_EQ(next_bool(data.get()), frame.settled);
        EXPECT_EQ(next_bool(data.get()), frame.more);
        const bool mode = pn_data_next(data.get()) && pn_data_type(data.get()) == PN_UBYTE;
        EXPECT_EQ(mode, frame.receiver_settle_mode.has_value());
        pn_data_next(data.get());  // state
        EXPECT_FALSE(next_bool(data.get()));
        EXPECT_EQ(next_bool(data.get()), frame.aborted);
    }
}

TEST(Codec, TransfersThatProtonWritesWeRead) {
    Random random(2);
    for (int round = 0; round < 2000; ++round) {
        const std::uint32_t handle = any_uint(random);
        const auto id = maybe_uint(random);
        const auto format = maybe_uint(random);
        const bool settled = any_bool(random);
        const bool more = any_bool(random);
        const bool aborted = any_bool(random);
        const std::string tag(random() % 33, 't');
        const DataPtr data = performative(0x14);
        put(data.get(), handle);
        put(data.get(), id);
        pn_data_put_binary(data.get(), pn_bytes(tag.size(), tag.data()));
        put(data.get(), format);
        pn_data_put_bool(data.get(), settled);
        pn_data_put_bool(data.get(), more);
        pn_data_put_null(data.get());
        put_any(data.get(), random, 2);  // any value is a delivery state to us
        pn_data_put_null(data.get());
        pn_data_put_bool(data.get(), aborted);
        const ByteVector bytes = finish(data) + to_bytes("payload");
        const auto body = parse_body(bytes);
        ASSERT_TRUE(body);
        EXPECT_EQ(to_text(body->payload), "payload");
        EXPECT_TRUE(well_formed(body->fields, body->count, 32));
        const auto frame = decode_transfer(*body);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->handle, handle);
        EXPECT_EQ(frame->delivery_id, id);
        EXPECT_EQ(to_text(*frame->tag), tag);
        EXPECT_EQ(frame->message_format, format);
        EXPECT_EQ(frame->settled, settled);
        EXPECT_EQ(frame->more, more);
        EXPECT_EQ(frame->aborted, aborted);
    }
}

TEST(Codec, WholeTransfersThatWeWriteProtonReads) {
    Random random(12);
    for (int round = 0; round < 2000; ++round) {
        const ByteVector tag(1 + random() % 32, std::byte{7});
        const ByteVector payload(random() % 300, std::byte{9});
        const WholeTransfer whole{.handle = any_uint(random),
                                  .delivery_id = any_uint(random),
                                  .tag = tag,
                                  .message_format = any_uint(random),
                                  .settled = any_bool(random),
                                  .payload = payload};
        std::array<std::byte, kTransferBytesMax + kTagBytesMax + 300> out{};
        const std::size_t bytes = encode(out.data(), 77, whole);
        ASSERT_LE(bytes, kTransferBytesMax + tag.size() + payload.size());
        EXPECT_EQ(load_u32(out.data()), bytes);
        EXPECT_EQ(load_u16(&out[6]), 77);
        const DataPtr data = decoded(Bytes(out).first(bytes), 0x14);
        EXPECT_EQ(next_uint(data.get()), whole.handle);
        EXPECT_EQ(next_uint(data.get()), whole.delivery_id);
        ASSERT_TRUE(pn_data_next(data.get()));
        EXPECT_EQ(pn_data_get_binary(data.get()).size, tag.size());
        EXPECT_EQ(next_uint(data.get()), whole.message_format);
        EXPECT_EQ(next_bool(data.get()), whole.settled);
        const auto body = parse_body(Bytes(out).subspan(8, bytes - 8));
        ASSERT_TRUE(body);
        EXPECT_TRUE(std::ranges::equal(body->payload, payload));
    }
}

// With payload behind it a transfer may be read the quick way, without any it never is: the frame
// has to come out the same, whatever is wrong with it.
TEST(Codec, QuickAndCarefulReadingOfTransfersAgree) {
    Random random(13);
    unsigned good = 0;
    for (int round = 0; round < 50000; ++round) {
        const DataPtr data = performative(0x14);
        const std::string tag(random() % 40, 't');
        put(data.get(), maybe_uint(random));
        put(data.get(), maybe_uint(random));
        pn_data_put_binary(data.get(), pn_bytes(tag.size(), tag.data()));
        put(data.get(), maybe_uint(random));
        for (auto more = random() % 8; more > 0; --more) {
            any_bool(random) ? pn_data_put_null(data.get())
                             : pn_data_put_bool(data.get(), any_bool(random));
        }
        ByteVector bytes = finish(data);
        const std::size_t head = bytes.size();
        if (any_bool(random)) {
            bytes[6 + random() % (head - 6)] = static_cast<std::byte>(random());
        }
        bytes.resize(head + 64, std::byte{0x40});
        auto body = parse_body(bytes);
        if (!body) {
            continue;
        }
        const auto quick = decode_transfer(*body);
        body->payload = {};
        const auto careful = decode_transfer(*body);
        ASSERT_EQ(quick.has_value(), careful.has_value());
        if (!quick) {
            continue;
        }
        ++good;
        EXPECT_EQ(quick->handle, careful->handle);
        EXPECT_EQ(quick->delivery_id, careful->delivery_id);
        ASSERT_EQ(quick->tag.has_value(), careful->tag.has_value());
        EXPECT_TRUE(!quick->tag || std::ranges::equal(*quick->tag, *careful->tag));
        EXPECT_EQ(quick->message_format, careful->message_format);
        EXPECT_EQ(quick->settled, careful->settled);
        EXPECT_EQ(quick->more, careful->more);
        EXPECT_EQ(quick->receiver_settle_mode, careful->receiver_settle_mode);
        EXPECT_EQ(quick->state.outcome, careful->state.outcome);
        EXPECT_EQ(quick->resume, careful->resume);
        EXPECT_EQ(quick->aborted, careful->aborted);
    }
    EXPECT_GT(good, 10000U);
}

TEST(Codec, FlowsBothWays) {
    Random random(3);
    for (int round = 0; round < 2000; ++round) {
        FlowFrame flow;
        flow.next_incoming_id = maybe_uint(random);
        flow.incoming_window = any_uint(random);
        flow.next_outgoing_id = any_uint(random);
        flow.outgoing_window = any_uint(random);
        flow.handle = maybe_uint(random);
        flow.delivery_count = maybe_uint(random);
        flow.link_credit = maybe_uint(random);
        flow.available = maybe_uint(random);
        flow.drain = any_bool(random);
        flow.echo = any_bool(random);
        std::array<std::byte, kFlowBytesMax> out{};
        const std::size_t bytes = encode(out.data(), 1, flow);
        ASSERT_LE(bytes, out.size());
        const DataPtr data = decoded(Bytes(out).first(bytes), 0x13);
        EXPECT_EQ(next_uint(data.get()), flow.next_incoming_id);
        EXPECT_EQ(next_uint(data.get()), flow.incoming_window);
        EXPECT_EQ(next_uint(data.get()), flow.next_outgoing_id);
        EXPECT_EQ(next_uint(data.get()), flow.outgoing_window);
        EXPECT_EQ(next_uint(data.get()), flow.handle);
        EXPECT_EQ(next_uint(data.get()), flow.delivery_count);
        EXPECT_EQ(next_uint(data.get()), flow.link_credit);
        EXPECT_EQ(next_uint(data.get()), flow.available);
        EXPECT_EQ(next_bool(data.get()), flow.drain);
        EXPECT_EQ(next_bool(data.get()), flow.echo);

        const ByteVector again = encoded(data.get());  // Proton's shortest forms
        const auto body = parse_body(again);
        ASSERT_TRUE(body);
        const auto read = decode_flow(*body);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->next_incoming_id, flow.next_incoming_id);
        EXPECT_EQ(read->outgoing_window, flow.outgoing_window);
        EXPECT_EQ(read->link_credit, flow.link_credit);
        EXPECT_EQ(read->available, flow.available);
        EXPECT_EQ(read->drain, flow.drain);
        EXPECT_EQ(read->echo, flow.echo);
    }
}

TEST(Codec, DispositionsBothWays) {
    Random random(4);
    const Outcome kOutcomes[] = {Outcome::kNone,
                                 Outcome::kReceived,
                                 Outcome::kAccepted,
                                 Outcome::kRejected,
                                 Outcome::kReleased,
                                 Outcome::kModified};
    for (int round = 0; round < 2000; ++round) {
        DispositionFrame frame;
        frame.role = any_bool(random) ? Role::kReceiver : Role::kSender;
        frame.first = any_uint(random);
        frame.last = any_bool(random) ? frame.first : any_uint(random);
        frame.settled = any_bool(random);
        frame.state.outcome = kOutcomes[random() % std::size(kOutcomes)];
        ByteVector raw;
        if (any_bool(random)) {
            raw = described(0x27, list({boolean(true), binary(std::string(random() % 400, 'r'))}));
            frame.state = {.outcome = Outcome::kModified, .raw = raw};
        }
        ByteVector out(kDispositionBytesMax + state_size(frame.state));
        const std::size_t bytes = encode(out.data(), 1, frame);
        ASSERT_LE(bytes, out.size());
        const DataPtr data = decoded(Bytes(out).first(bytes), 0x15);
        EXPECT_EQ(next_bool(data.get()), frame.role == Role::kReceiver);
        EXPECT_EQ(next_uint(data.get()), frame.first);
        EXPECT_EQ(next_uint(data.get()).value_or(frame.first), frame.last);
        EXPECT_EQ(next_bool(data.get()), frame.settled);

        const ByteVector again = encoded(data.get());
        const auto body = parse_body(again);
        ASSERT_TRUE(body);
        const auto read = decode_disposition(*body);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->role, frame.role);
        EXPECT_EQ(read->last, frame.last);
        EXPECT_EQ(read->state.outcome, frame.state.outcome);
        if (!raw.empty()) {
            const auto own = decode_disposition(*parse_body(Bytes(out).subspan(8, bytes - 8)));
            ASSERT_TRUE(own);
            EXPECT_EQ(to_text(own->state.raw), to_text(raw)) << "untouched";
        }
    }
}

TEST(Codec, CloseOfOurOwnIsWellFormed) {
    const ByteVector frame =
        encode_close({.name = "amqp:not-allowed", .description = std::string(500, 'd')});
    EXPECT_EQ(load_u32(frame.data()), frame.size());
    const DataPtr data = decoded(frame, 0x18);
    ASSERT_TRUE(pn_data_next(data.get()));
    ASSERT_EQ(pn_data_type(data.get()), PN_DESCRIBED);
    pn_data_enter(data.get());
    ASSERT_TRUE(pn_data_next(data.get()));
    EXPECT_EQ(pn_data_get_ulong(data.get()), 0x1dU);
    ASSERT_TRUE(pn_data_next(data.get()));
    pn_data_enter(data.get());
    ASSERT_TRUE(pn_data_next(data.get()));
    EXPECT_EQ(pn_data_get_symbol(data.get()).size, 16U);
    ASSERT_TRUE(pn_data_next(data.get()));
    EXPECT_EQ(pn_data_get_string(data.get()).size, 128U);
}

TEST(Codec, SizesAgreeWithProton) {
    Random random(5);
    for (int round = 0; round < 3000; ++round) {
        const DataPtr data = new_data();
        put_any(data.get(), random, 0);
        const ByteVector bytes = encoded(data.get());
        EXPECT_EQ(value_size(bytes), bytes.size());
        EXPECT_EQ(value_size(bytes + to_bytes("more")), bytes.size());
        EXPECT_TRUE(well_formed(bytes, 1, 32));
        EXPECT_FALSE(well_formed(bytes + null(), 1, 32));
        if (bytes.size() > 1) {
            EXPECT_EQ(value_size(Bytes(bytes).first(bytes.size() - 1)), 0U);
            EXPECT_FALSE(well_formed(Bytes(bytes).first(bytes.size() - 1), 1, 32));
        }
    }
}

TEST(Codec, DamagedBytesAreNeverReadBeyond) {
    Random random(6);
    for (int round = 0; round < 20000; ++round) {
        ByteVector bytes = transfer_frame(0, 1, 2, "tag", "payload");
        const ByteVector more =
            random() % 2 == 0 ? attach_frame(0, "n", 1, true) : flow_frame(0, uint(1), 2, 3);
        bytes = random() % 2 == 0 ? bytes : more;
        bytes.erase(bytes.begin(), bytes.begin() + 8);
        for (auto i = 1 + random() % 4; i > 0; --i) {
            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        }
        bytes.resize(1 + random() % bytes.size());
        // An exact heap block: the address sanitizer sees any read past its end.
        const ByteVector exact(bytes.begin(), bytes.end());
        if (const auto body = parse_body(exact)) {
            decode_transfer(*body);
            decode_flow(*body);
            decode_disposition(*body);
            decode_begin(*body);
            decode_attach(*body);
            decode_detach(*body);
            EXPECT_LE(body->payload.size(), exact.size());
            well_formed(body->fields, body->count, 32);
        }
        EXPECT_LE(value_size(exact), exact.size());
    }
}

TEST(Codec, CapabilitiesAsSymbolOrArray) {
    const auto attach = [](const ByteVector& offered) {
        return described(0x12,
                         list({string("n"),
                               uint(1),
                               boolean(true),
                               null(),
                               null(),
                               null(),
                               null(),
                               null(),
                               null(),
                               null(),
                               null(),
                               offered,
                               symbol("wanted")}));
    };
    const ByteVector one = attach(symbol("only"));
    const ByteVector both = attach(hex("e0 09 02 a3 02 61 62 03 63 64 65"));
    auto frame = decode_attach(*parse_body(one));
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->offered_capabilities, std::vector<std::string>{"only"});
    EXPECT_EQ(frame->desired_capabilities, std::vector<std::string>{"wanted"});
    frame = decode_attach(*parse_body(both));
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->offered_capabilities, (std::vector<std::string>{"ab", "cde"}));
}

}  // namespace amqmesh::link::test
