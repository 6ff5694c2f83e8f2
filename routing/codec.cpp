#include "routing/codec.h"

#include "routing/wire.pb.h"

#include <algorithm>
#include <utility>

namespace amqmesh::routing {

namespace wire = amqmesh::control::v1;

namespace {

constexpr std::uint32_t kHeartbeatMaxMs = 60'000;
constexpr std::uint32_t kDetectMultMax = 100;
constexpr Cost kCostMax = 65'535;

bool valid_order_key(std::uint64_t incarnation, std::uint64_t seq) {
    return incarnation > 0 && incarnation <= kIncarnationMax && seq > 0 && seq <= kSequenceMax;
}

// Names end up in logs and answers: no control characters.
bool valid_text(const std::string& text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
}

bool parse(google::protobuf::MessageLite& message, std::string_view bytes) {
    return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

Fault from_wire(const wire::Hello& in, const Limits& limits, Hello& out) {
    if (in.name().empty() || !valid_text(in.name()) || in.rid() == 0 || in.life() == 0 ||
        in.cost() == 0 || in.cost() > kCostMax || !wire::AdjState_IsValid(in.state()) ||
        in.heartbeat_ms() == 0 || in.heartbeat_ms() > kHeartbeatMaxMs || in.detect_mult() == 0 ||
        in.detect_mult() > kDetectMultMax || in.min_version() > in.max_version()) {
        return Fault::kMalformed;
    }
    if (in.name().size() > limits.name_bytes || in.area().size() > limits.name_bytes) {
        return Fault::kOverLimit;
    }
    out.rid = in.rid();
    out.name = in.name();
    out.life = in.life();
    out.peer_rid = in.peer_rid();
    out.peer_life = in.peer_life();
    out.min_version = in.min_version();
    out.max_version = in.max_version();
    out.area = in.area();
    out.link_id = in.link_id();
    out.peer_link_id = in.peer_link_id();
    out.cost = in.cost();
    out.heartbeat_ms = in.heartbeat_ms();
    out.detect_mult = in.detect_mult();
    out.state = static_cast<AdjacencyState>(in.state());
    out.lsdb_digest = in.lsdb_digest();
    out.addr_digest = in.addr_digest();
    out.lsp_count = in.lsp_count();
    out.owing = in.owing();
    return Fault::kNone;
}

void from_wire(wire::Flood& in, Flood& out) {
    out.lsps.reserve(static_cast<std::size_t>(in.lsp_size()));
    for (wire::FloodedLsp& lsp : *in.mutable_lsp()) {
        out.lsps.push_back({std::move(*lsp.mutable_body()), lsp.lifetime_ms(), lsp.hash()});
    }
    out.deltas.reserve(static_cast<std::size_t>(in.delta_size()));
    for (wire::FloodedDelta& delta : *in.mutable_delta()) {
        out.deltas.push_back({std::move(*delta.mutable_body()), delta.hash()});
    }
}

OriginSummary from_wire(const wire::OriginSummary& in) {
    return {.rid = in.rid(),
            .incarnation = in.incarnation(),
            .seq = in.seq(),
            .addr_seq = in.addr_seq(),
            .addr_digest = in.addr_digest(),
            .hash = in.hash()};
}

void to_wire(const OriginSummary& in, wire::OriginSummary& out) {
    out.set_rid(in.rid);
    out.set_incarnation(in.incarnation);
    out.set_seq(in.seq);
    out.set_addr_seq(in.addr_seq);
    out.set_addr_digest(in.addr_digest);
    out.set_hash(in.hash);
}

Fault from_wire(const wire::Summary& in, const Limits& limits, Summary& out) {
    if (static_cast<std::size_t>(in.origin_size()) > limits.routers) {
        return Fault::kOverLimit;
    }
    if (static_cast<std::uint32_t>(in.bucket_size()) > kBuckets) {
        return Fault::kMalformed;
    }
    out.origins.reserve(static_cast<std::size_t>(in.origin_size()));
    for (const wire::OriginSummary& origin : in.origin()) {
        if (origin.rid() == 0 || !valid_order_key(origin.incarnation(), origin.seq()) ||
            origin.addr_seq() > kSequenceMax) {
            return Fault::kMalformed;
        }
        out.origins.push_back(from_wire(origin));
    }
    for (const wire::Bucket& bucket : in.bucket()) {
        if (bucket.index() >= kBuckets) {
            return Fault::kMalformed;
        }
        out.buckets.push_back({bucket.index(), bucket.digest()});
    }
    out.first = in.first();
    out.complete = in.complete();
    out.repair = in.repair();
    out.bucket_rid = in.bucket_rid();
    return Fault::kNone;
}

Fault from_wire(const wire::Request& in, const Limits& limits, Request& out) {
    if (static_cast<std::size_t>(in.have_size()) > limits.routers) {
        return Fault::kOverLimit;
    }
    if (static_cast<std::uint32_t>(in.bucket_size()) > kBuckets) {
        return Fault::kMalformed;
    }
    out.have.reserve(static_cast<std::size_t>(in.have_size()));
    for (const wire::OriginSummary& origin : in.have()) {
        out.have.push_back(from_wire(origin));
    }
    for (const std::uint32_t bucket : in.bucket()) {
        if (bucket >= kBuckets) {
            return Fault::kMalformed;
        }
        out.buckets.push_back(bucket);
    }
    out.bucket_rid = in.bucket_rid();
    out.table = in.table();
    return Fault::kNone;
}

std::string serialize(const wire::Envelope& envelope) {
    return envelope.SerializeAsString();
}

wire::Envelope make_envelope() {
    wire::Envelope envelope;
    envelope.set_version(kWireVersionMax);
    return envelope;
}

}  // namespace

Fault decode(std::string_view bytes, const Limits& limits, Message& out) {
    out = std::monostate{};
    if (bytes.size() > limits.message_bytes) {
        return Fault::kOverLimit;
    }
    wire::Envelope envelope;
    if (!parse(envelope, bytes)) {
        return Fault::kMalformed;
    }
    switch (envelope.body_case()) {
        case wire::Envelope::kHello:
            return from_wire(envelope.hello(), limits, out.emplace<Hello>());
        case wire::Envelope::kFlood:
            from_wire(*envelope.mutable_flood(), out.emplace<Flood>());
            return Fault::kNone;
        case wire::Envelope::kSummary:
            return from_wire(envelope.summary(), limits, out.emplace<Summary>());
        case wire::Envelope::kRequest:
            return from_wire(envelope.request(), limits, out.emplace<Request>());
        case wire::Envelope::kGoodbye:
            if (!wire::Reason_IsValid(envelope.goodbye().reason())) {
                return Fault::kMalformed;
            }
            out = Goodbye{.reason = static_cast<Reason>(envelope.goodbye().reason()),
                          .retry_after_ms = envelope.goodbye().retry_after_ms()};
            return Fault::kNone;
        case wire::Envelope::BODY_NOT_SET:
            return Fault::kNone;
    }
    return Fault::kNone;
}

Fault decode_lsp(std::string_view body, const Limits& limits, Lsp& out) {
    wire::Lsp in;
    if (!parse(in, body) || in.rid() == 0 || in.name().empty() || !valid_text(in.name()) ||
        !valid_order_key(in.incarnation(), in.seq())) {
        return Fault::kMalformed;
    }
    if (in.name().size() > limits.name_bytes || in.area().size() > limits.name_bytes ||
        static_cast<std::size_t>(in.links_size()) > limits.links_per_router) {
        return Fault::kOverLimit;
    }
    out.rid = in.rid();
    out.incarnation = in.incarnation();
    out.seq = in.seq();
    out.life = in.life();
    out.name = in.name();
    out.area = in.area();
    out.flags = in.flags();
    out.links.clear();
    for (const wire::Link& link : in.links()) {
        if (link.rid() == 0 || link.cost() == 0 || link.cost() > kCostMax) {
            return Fault::kMalformed;
        }
        const LspLink next = {link.rid(), link.cost(), link.link_id(), link.peer_link_id()};
        if (!out.links.empty()) {
            const LspLink& last = out.links.back();
            if (std::pair(next.peer, next.link_id) <= std::pair(last.peer, last.link_id)) {
                return Fault::kMalformed;
            }
        }
        out.links.push_back(next);
    }
    return Fault::kNone;
}

RouterId leading_rid(std::string_view body) {
    constexpr char kTag = 0x09;  // field 1, fixed64
    if (body.size() < 1 + sizeof(RouterId) || body[0] != kTag) {
        return 0;
    }
    RouterId rid = 0;
    for (std::size_t i = sizeof rid; i > 0; --i) {
        rid = (rid << 8U) | static_cast<unsigned char>(body[i]);
    }
    return rid;
}

Fault decode_delta(std::string_view body, const Limits& limits, AddressDelta& out) {
    wire::AddressDelta in;
    if (!parse(in, body) || in.rid() == 0 || !valid_order_key(in.incarnation(), in.seq()) ||
        in.parts() == 0 || in.part() >= in.parts() || in.base() >= in.seq() ||
        static_cast<std::uint32_t>(in.bucket_size()) > kBuckets) {
        return Fault::kMalformed;
    }
    out = AddressDelta{.rid = in.rid(),
                       .incarnation = in.incarnation(),
                       .base = in.base(),
                       .seq = in.seq(),
                       .add = {},
                       .del = {in.del().begin(), in.del().end()},
                       .reset = in.reset(),
                       .part = in.part(),
                       .parts = in.parts(),
                       .digest = in.digest(),
                       .buckets = {in.bucket().begin(), in.bucket().end()}};
    out.add.reserve(static_cast<std::size_t>(in.add_size()));
    for (wire::Address& address : *in.mutable_add()) {
        if (address.treatment() > static_cast<std::uint32_t>(Treatment::kUnavailable) ||
            address.key().empty() || (!out.add.empty() && address.id() <= out.add.back().id)) {
            return Fault::kMalformed;
        }
        if (address.key().size() > limits.key_bytes) {
            return Fault::kOverLimit;
        }
        out.add.push_back({.id = address.id(),
                           .key = std::move(*address.mutable_key()),
                           .treatment = static_cast<Treatment>(address.treatment()),
                           .weight = address.weight()});
    }
    const bool buckets_valid = std::all_of(
        out.buckets.begin(), out.buckets.end(), [](std::uint32_t b) { return b < kBuckets; });
    return buckets_valid ? Fault::kNone : Fault::kMalformed;
}

std::string encode(const Hello& in) {
    wire::Envelope envelope = make_envelope();
    wire::Hello& out = *envelope.mutable_hello();
    out.set_rid(in.rid);
    out.set_name(in.name);
    out.set_life(in.life);
    out.set_peer_rid(in.peer_rid);
    out.set_peer_life(in.peer_life);
    out.set_min_version(in.min_version);
    out.set_max_version(in.max_version);
    out.set_area(in.area);
    out.set_link_id(in.link_id);
    out.set_peer_link_id(in.peer_link_id);
    out.set_cost(in.cost);
    out.set_heartbeat_ms(in.heartbeat_ms);
    out.set_detect_mult(in.detect_mult);
    out.set_state(static_cast<wire::AdjState>(in.state));
    out.set_lsdb_digest(in.lsdb_digest);
    out.set_addr_digest(in.addr_digest);
    out.set_lsp_count(in.lsp_count);
    out.set_owing(in.owing);
    return serialize(envelope);
}

std::string encode(Flood in) {
    wire::Envelope envelope = make_envelope();
    wire::Flood& out = *envelope.mutable_flood();
    for (FloodedLsp& lsp : in.lsps) {
        wire::FloodedLsp& item = *out.add_lsp();
        item.set_body(std::move(lsp.body));
        item.set_lifetime_ms(lsp.lifetime_ms);
        item.set_hash(lsp.hash);
    }
    for (FloodedDelta& delta : in.deltas) {
        wire::FloodedDelta& item = *out.add_delta();
        item.set_body(std::move(delta.body));
        item.set_hash(delta.hash);
    }
    return serialize(envelope);
}

std::string encode(const Summary& in) {
    wire::Envelope envelope = make_envelope();
    wire::Summary& out = *envelope.mutable_summary();
    for (const OriginSummary& origin : in.origins) {
        to_wire(origin, *out.add_origin());
    }
    for (const BucketDigest& bucket : in.buckets) {
        wire::Bucket& item = *out.add_bucket();
        item.set_index(bucket.index);
        item.set_digest(bucket.digest);
    }
    out.set_first(in.first);
    out.set_complete(in.complete);
    out.set_repair(in.repair);
    out.set_bucket_rid(in.bucket_rid);
    return serialize(envelope);
}

std::string encode(const Request& in) {
    wire::Envelope envelope = make_envelope();
    wire::Request& out = *envelope.mutable_request();
    for (const OriginSummary& origin : in.have) {
        to_wire(origin, *out.add_have());
    }
    out.set_bucket_rid(in.bucket_rid);
    out.set_table(in.table);
    out.mutable_bucket()->Add(in.buckets.begin(), in.buckets.end());
    return serialize(envelope);
}

std::string encode(const Goodbye& in) {
    wire::Envelope envelope = make_envelope();
    envelope.mutable_goodbye()->set_reason(static_cast<wire::Reason>(in.reason));
    envelope.mutable_goodbye()->set_retry_after_ms(in.retry_after_ms);
    return serialize(envelope);
}

std::string encode_lsp(const Lsp& in) {
    wire::Lsp out;
    out.set_rid(in.rid);
    out.set_incarnation(in.incarnation);
    out.set_seq(in.seq);
    out.set_life(in.life);
    out.set_name(in.name);
    out.set_area(in.area);
    out.set_flags(in.flags);
    out.set_min_version(kWireVersionMin);
    for (const LspLink& link : in.links) {
        wire::Link& item = *out.add_links();
        item.set_rid(link.peer);
        item.set_cost(link.cost);
        item.set_link_id(link.link_id);
        item.set_peer_link_id(link.peer_link_id);
    }
    return out.SerializeAsString();
}

std::string encode_delta(const AddressDelta& in) {
    wire::AddressDelta out;
    out.set_rid(in.rid);
    out.set_incarnation(in.incarnation);
    out.set_base(in.base);
    out.set_seq(in.seq);
    for (const AddressEntry& entry : in.add) {
        wire::Address& item = *out.add_add();
        item.set_id(entry.id);
        item.set_key(entry.key);
        item.set_treatment(static_cast<std::uint32_t>(entry.treatment));
        item.set_weight(entry.weight);
    }
    out.mutable_del()->Add(in.del.begin(), in.del.end());
    out.set_reset(in.reset);
    out.set_part(in.part);
    out.set_parts(in.parts);
    out.set_digest(in.digest);
    out.mutable_bucket()->Add(in.buckets.begin(), in.buckets.end());
    return out.SerializeAsString();
}

}  // namespace amqmesh::routing
