// The codec: what it writes it reads, and every bound of ROUTING 1.11 that one message can break.
#include "routing/codec.h"

#include <gtest/gtest.h>

#include <random>

namespace amqmesh::routing {
namespace {

const Limits kLimits;

Hello hello() {
    return {.rid = 7,
            .name = "a",
            .life = 3,
            .peer_rid = 8,
            .peer_life = 4,
            .min_version = 1,
            .max_version = 2,
            .area = "0",
            .link_id = 5,
            .peer_link_id = 6,
            .cost = 9,
            .heartbeat_ms = 300,
            .detect_mult = 3,
            .state = AdjacencyState::kSync,
            .lsdb_digest = 11,
            .addr_digest = 12,
            .lsp_count = 13,
            .owing = true};
}

Lsp lsp() {
    return {.rid = 7,
            .incarnation = 100,
            .seq = 2,
            .life = 99,
            .name = "a",
            .area = "0",
            .flags = lsp_flag::kDraining,
            .links = {{1, 10, 1, 2}, {1, 20, 2, 1}, {5, 1, 3, 9}}};
}

AddressDelta delta() {
    return {.rid = 7,
            .incarnation = 100,
            .base = 4,
            .seq = 5,
            .add = {{1, "x", Treatment::kMulticast, 3}, {4, std::string("y\0z", 3)}},
            .del = {9, 2},
            .digest = 77};
}

template <typename T>
Fault fault_of(const T& message, const Limits& limits = kLimits) {
    Message out;
    return decode(encode(message), limits, out);
}

TEST(Codec, HelloComesBack) {
    Message out;
    ASSERT_EQ(decode(encode(hello()), kLimits, out), Fault::kNone);
    const Hello& back = std::get<Hello>(out);
    EXPECT_EQ(back.rid, 7U);
    EXPECT_EQ(back.name, "a");
    EXPECT_EQ(back.peer_life, 4U);
    EXPECT_EQ(back.cost, 9U);
    EXPECT_EQ(back.state, AdjacencyState::kSync);
    EXPECT_EQ(back.addr_digest, 12U);
    EXPECT_TRUE(back.owing);
}

TEST(Codec, LspComesBack) {
    Lsp back;
    ASSERT_EQ(decode_lsp(encode_lsp(lsp()), kLimits, back), Fault::kNone);
    EXPECT_EQ(back.links, lsp().links);
    EXPECT_EQ(back.seq, 2U);
    EXPECT_EQ(back.life, 99U);
    EXPECT_TRUE(back.has(lsp_flag::kDraining));
}

TEST(Codec, AnLspBeginsWithItsRouter) {
    const std::string body = encode_lsp(
        {.rid = 0xfedcba9876543210, .incarnation = 1, .seq = 1, .name = "n", .area = "0"});
    EXPECT_EQ(leading_rid(body), 0xfedcba9876543210);
    EXPECT_EQ(leading_rid(body.substr(0, 9)), 0xfedcba9876543210);
    EXPECT_EQ(leading_rid(body.substr(0, 8)), 0U);
    EXPECT_EQ(leading_rid(body.substr(1)), 0U);
    EXPECT_EQ(leading_rid(""), 0U);
}

TEST(Codec, DeltaComesBack) {
    AddressDelta back;
    ASSERT_EQ(decode_delta(encode_delta(delta()), kLimits, back), Fault::kNone);
    ASSERT_EQ(back.add.size(), 2U);
    EXPECT_EQ(back.add[0].treatment, Treatment::kMulticast);
    EXPECT_EQ(back.add[1].key, std::string("y\0z", 3));
    EXPECT_EQ(back.del, delta().del);
    EXPECT_EQ(back.digest, 77U);
}

TEST(Codec, OthersComeBack) {
    Message out;
    ASSERT_EQ(decode(encode(Flood{{{"body", 5, 6}}, {{"delta", 7}}}), kLimits, out), Fault::kNone);
    EXPECT_EQ(std::get<Flood>(out).lsps.at(0).body, "body");
    EXPECT_EQ(std::get<Flood>(out).deltas.at(0).hash, 7U);
    const Summary summary = {.origins = {{1, 2, 3, 4, 5, 6}}, .complete = true};
    ASSERT_EQ(decode(encode(summary), kLimits, out), Fault::kNone);
    EXPECT_EQ(std::get<Summary>(out).origins.at(0).hash, 6U);
    EXPECT_TRUE(std::get<Summary>(out).complete);
    const Request request = {.have = {{.rid = 3}}, .bucket_rid = 9, .buckets = {0, 255}};
    ASSERT_EQ(decode(encode(request), kLimits, out), Fault::kNone);
    EXPECT_EQ(std::get<Request>(out).buckets, request.buckets);
    ASSERT_EQ(decode(encode(Goodbye{Reason::kArea, 1500}), kLimits, out), Fault::kNone);
    EXPECT_EQ(std::get<Goodbye>(out).retry_after_ms, 1500U);
}

TEST(Codec, RefusesAbsurdHellos) {
    Hello bad = hello();
    bad.name.clear();
    EXPECT_EQ(fault_of(bad), Fault::kMalformed);
    bad = hello();
    bad.name = "two\nlines";
    EXPECT_EQ(fault_of(bad), Fault::kMalformed);
    bad = hello();
    bad.name = std::string(65, 'n');
    EXPECT_EQ(fault_of(bad), Fault::kOverLimit);
    bad = hello();
    bad.cost = 65'536;
    EXPECT_EQ(fault_of(bad), Fault::kMalformed);
    bad = hello();
    bad.heartbeat_ms = 0;
    EXPECT_EQ(fault_of(bad), Fault::kMalformed);
    bad = hello();
    bad.min_version = 3;
    EXPECT_EQ(fault_of(bad), Fault::kMalformed);
}

TEST(Codec, RefusesAbsurdLsps) {
    const auto fault = [](const Lsp& bad) {
        Lsp out;
        return decode_lsp(encode_lsp(bad), kLimits, out);
    };
    Lsp bad = lsp();
    bad.seq = kSequenceMax + 1;
    EXPECT_EQ(fault(bad), Fault::kMalformed);
    bad = lsp();
    bad.incarnation = kIncarnationMax + 1;
    EXPECT_EQ(fault(bad), Fault::kMalformed);
    bad = lsp();
    bad.links[0].cost = 0;
    EXPECT_EQ(fault(bad), Fault::kMalformed);
    bad = lsp();
    std::swap(bad.links[0], bad.links[1]);
    EXPECT_EQ(fault(bad), Fault::kMalformed) << "not in canonical order";
    bad = lsp();
    bad.links[1] = bad.links[0];
    EXPECT_EQ(fault(bad), Fault::kMalformed) << "the same link twice";
    bad = lsp();
    bad.links.clear();
    for (std::uint32_t i = 0; i < 4097; ++i) {
        bad.links.push_back({1, 1, i, i});
    }
    EXPECT_EQ(fault(bad), Fault::kOverLimit);
}

TEST(Codec, RefusesAbsurdDeltas) {
    const auto fault = [](const AddressDelta& bad) {
        AddressDelta out;
        return decode_delta(encode_delta(bad), kLimits, out);
    };
    AddressDelta bad = delta();
    bad.base = bad.seq;
    EXPECT_EQ(fault(bad), Fault::kMalformed);
    bad = delta();
    bad.part = 1;
    EXPECT_EQ(fault(bad), Fault::kMalformed) << "part 1 of 1";
    bad = delta();
    std::swap(bad.add[0], bad.add[1]);
    EXPECT_EQ(fault(bad), Fault::kMalformed) << "ids not ascending";
    bad = delta();
    bad.add[0].key.clear();
    EXPECT_EQ(fault(bad), Fault::kMalformed);
    bad = delta();
    bad.add[0].key = std::string(kLimits.key_bytes + 1, 'k');
    EXPECT_EQ(fault(bad), Fault::kOverLimit);
    bad = delta();
    bad.buckets = {256};
    EXPECT_EQ(fault(bad), Fault::kMalformed);
}

TEST(Codec, RefusesTooBigMessages) {
    Message out;
    EXPECT_EQ(decode(std::string((1U << 20U) + 1, 'x'), kLimits, out), Fault::kOverLimit);
    Summary many;
    many.origins.assign(3, {1, 1, 1, 0, 0, 0});
    EXPECT_EQ(fault_of(many, Limits{.routers = 2}), Fault::kOverLimit);
}

// A kind of message from a later version: no fault, no message.
TEST(Codec, IgnoresUnknownKinds) {
    Message out = Goodbye{};
    EXPECT_EQ(decode(std::string("\x08\x02\x7a\x01q", 5), kLimits, out), Fault::kNone);
    EXPECT_TRUE(std::holds_alternative<std::monostate>(out));
}

TEST(Codec, AnyBytesGiveAnAnswer) {
    std::mt19937_64 random(1);
    const std::string good = encode(hello());
    Message out;
    Lsp lsp_out;
    AddressDelta delta_out;
    std::size_t refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = i % 2 == 0 ? good : encode_lsp(lsp());
        for (std::uint64_t n = random() % 4 + 1; n > 0; --n) {
            bytes[random() % bytes.size()] = static_cast<char>(random());
        }
        bytes.resize(random() % (bytes.size() + 1));
        refused += decode(bytes, kLimits, out) != Fault::kNone ? 1U : 0U;
        refused += decode_lsp(bytes, kLimits, lsp_out) != Fault::kNone ? 1U : 0U;
        refused += decode_delta(bytes, kLimits, delta_out) != Fault::kNone ? 1U : 0U;
    }
    EXPECT_GT(refused, 20'000U);
}

}  // namespace
}  // namespace amqmesh::routing
