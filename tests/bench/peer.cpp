#include "tests/bench/peer.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace amqmesh::bench {

namespace {

constexpr std::array<std::uint8_t, 8> kHeader = {'A', 'M', 'Q', 'P', 0, 1, 0, 0};
constexpr std::uint32_t kSessionWindow = 0x7fffffff;
constexpr std::uint8_t kSource = 0x28;
constexpr std::uint8_t kTarget = 0x29;
constexpr std::uint8_t kAccepted = 0x24;
constexpr std::size_t kStampBytes = 8;
constexpr std::size_t kContentAt = 8;        // of a data section, after its head
constexpr std::size_t kOutBytes = 1U << 20;  // no message is started above

/// Condition and description of a close, end or detach.
std::string error_text(Performative code, std::span<const std::uint8_t> fields) {
    FieldReader reader(fields);
    reader.pass_over(code == kDetach ? 2 : 0);
    const Field error = reader.next();
    if (error.descriptor == 0 || error.bytes.size() < 2) {
        return "no reason given";
    }
    // Inside the error's list, after its count.
    FieldReader inside(error.bytes.subspan(error.code == 0xd0 ? 4 : 1));
    const Field condition = inside.next();
    const Field text = inside.next();
    return std::string(condition.bytes.begin(), condition.bytes.end()) + ": " +
           std::string(text.bytes.begin(), text.bytes.end());
}

/// A data section with `bytes` of content (AMQP 3.2.6); the stamp is at its content's start.
Buffer data_section(std::size_t bytes) {
    constexpr std::array<std::uint8_t, 4> kBinary32 = {0x00, 0x53, 0x75, 0xb0};
    Buffer section(kContentAt + bytes, 'x');
    std::copy(kBinary32.begin(), kBinary32.end(), section.begin());
    write32(section.data() + kBinary32.size(), static_cast<std::uint32_t>(bytes));
    return section;
}

}  // namespace

Peer::Peer(LinkPlan plan, bool sender, const char* name)
    : plan_(std::move(plan)), sender_(sender), name_(name) {}

void Peer::open_all() {
    out_.insert(out_.end(), kHeader.begin(), kHeader.end());
    FrameWriter(out_, kOpen).string(name_).null().uint(kFrameBytes);
    FrameWriter begin(out_, kBegin);
    if (active_) {
        begin.null();
    } else {
        begin.ubyte(0);
    }
    begin.uint(0).uint(kSessionWindow).uint(kSessionWindow);
}

void Peer::write_attach(const std::string& link_name) {
    FrameWriter(out_, kAttach)
        .string(link_name)
        .uint(0)
        .boolean(!sender_)
        .ubyte(plan_.presettled ? 1 : 0)
        .ubyte(0)
        .terminus(kSource, plan_.address)
        .terminus(kTarget, plan_.address)
        .null()
        .null()
        .uint(0);
}

void Peer::heartbeat() {
    if (out_.empty() && got_header_) {
        out_.assign(kHeader.size(), 0);  // an empty frame: size and data offset only
        out_[3] = 8;
        out_[4] = 2;
    }
}

std::size_t Peer::received(std::span<const std::uint8_t> bytes, std::uint64_t now_ns) {
    std::size_t used = 0;
    if (!got_header_) {
        if (bytes.size() < kHeader.size()) {
            return 0;
        }
        got_header_ = true;
        used = kHeader.size();
        if (!std::equal(kHeader.begin(), kHeader.end(), bytes.begin())) {
            failure_ = "the peer does not speak plain AMQP 1.0";
            return bytes.size();
        }
    }
    while (bytes.size() - used >= kHeader.size()) {
        const std::size_t size = read32(bytes.data() + used);
        if (size < kHeader.size() || size > 4 * kFrameBytes) {
            failure_ = "a frame of impossible size";
            return bytes.size();
        }
        if (bytes.size() - used < size) {
            break;
        }
        on_frame(parse_frame(bytes.subspan(used, size)), now_ns);
        used += size;
    }
    return used;
}

void Peer::on_frame(const Frame& frame, std::uint64_t now_ns) {
    FieldReader fields(frame.fields);
    switch (frame.performative) {
        case kTransfer:
            ++next_incoming_id_;
            on_transfer(frame, now_ns);
            break;
        case kDisposition:
            on_disposition(fields);
            break;
        case kFlow:
            on_flow(fields);
            break;
        case kOpen: {
            fields.pass_over(2);
            const Field size = fields.next();
            remote_frame_bytes_ =
                size.null()
                    ? kFrameBytes
                    : static_cast<std::uint32_t>(std::min<std::uint64_t>(size.number, kFrameBytes));
            break;
        }
        case kBegin:
            fields.pass_over(1);
            next_incoming_id_ = static_cast<std::uint32_t>(fields.next().number);
            break;
        case kAttach:
            if (!active_) {
                const Field name = fields.next();
                write_attach(std::string(name.bytes.begin(), name.bytes.end()));
            }
            on_attach();
            break;
        case kDetach:
        case kEnd:
        case kClose:
            on_end(frame);
            break;
        default:
            break;
    }
}

void Peer::on_end(const Frame& frame) {
    if (failure_.empty()) {
        const auto code = static_cast<Performative>(frame.performative);
        failure_ = std::string(code == kDetach ? "detach"
                               : code == kEnd  ? "end"
                                               : "close") +
                   " by the peer, " + error_text(code, frame.fields);
    }
}

Sender::Sender(LinkPlan plan, const char* name)
    : Peer(std::move(plan), true, name), body_(data_section(plan_.body_bytes)) {
    open_all();
    write_attach(plan_.address + ".sender");
}

void Sender::on_flow(FieldReader fields) {
    const Field next_incoming = fields.next();
    const auto window = static_cast<std::uint32_t>(fields.next().number);
    window_end_ = static_cast<std::uint32_t>(next_incoming.number) + window;
    fields.pass_over(2);
    if (fields.next().null()) {
        return;  // the session's, not the link's
    }
    const auto delivery_count = static_cast<std::uint32_t>(fields.next().number);
    const auto credit = static_cast<std::uint32_t>(fields.next().number);
    credit_end_ = delivery_count + credit;
    credited_ = credited_ || credit != 0;
}

void Sender::on_disposition(FieldReader fields) {
    const bool from_receiver = fields.next().number != 0;
    const auto first = static_cast<std::uint32_t>(fields.next().number);
    const Field last = fields.next();
    const bool settled = fields.next().number != 0;
    if (!from_receiver || !settled) {
        return;
    }
    const std::uint64_t count =
        last.null() ? 1 : static_cast<std::uint32_t>(last.number) - first + 1ULL;
    settled_ += count;
    if (fields.next().descriptor != kAccepted) {
        not_accepted_ += count;
    }
}

void Sender::write_frame_head(std::size_t payload, bool more) {
    const bool first = offset_ == 0;
    const std::size_t start = out_.size();
    {
        FrameWriter frame(out_, kTransfer);
        frame.uint(0);
        if (first) {
            const auto id = static_cast<std::uint32_t>(sent_);
            std::array<char, 4> tag{};
            std::memcpy(tag.data(), &id, tag.size());
            frame.uint(id);
            frame.binary({tag.data(), tag.size()});
            frame.uint(0);
        } else {
            frame.null().null().null();
        }
        frame.boolean(plan_.presettled).boolean(more);
    }
    write32(out_.data() + start, static_cast<std::uint32_t>(out_.size() - start + payload));
}

void Sender::write_message() {
    constexpr std::size_t kTransferHead = 64;  // more than write_frame_head() ever writes
    while (frame_fits()) {
        const std::size_t left = body_.size() - offset_;
        const std::size_t payload =
            std::min<std::size_t>(left, remote_frame_bytes_ - kTransferHead);
        write_frame_head(payload, payload < left);
        const auto from = body_.begin() + static_cast<std::ptrdiff_t>(offset_);
        out_.insert(out_.end(), from, from + static_cast<std::ptrdiff_t>(payload));
        ++next_outgoing_id_;
        offset_ += payload;
        if (offset_ == body_.size()) {
            offset_ = 0;
            ++sent_;
            ++delivery_count_;
            return;
        }
    }
}

void Sender::pump(std::uint64_t limit, std::uint64_t received_by_peer, std::uint64_t now_ns) {
    const std::uint64_t done = plan_.presettled ? received_by_peer : settled_;
    while (out_.size() < kOutBytes) {
        if (offset_ == 0) {
            if (sent_ >= limit || sent_ - done >= plan_.window || !has_credit()) {
                return;
            }
            std::memcpy(body_.data() + kContentAt, &now_ns, kStampBytes);
        }
        if (!frame_fits()) {
            return;
        }
        write_message();
    }
}

Receiver::Receiver(LinkPlan plan, const char* name, bool active)
    : Peer(std::move(plan), false, name) {
    active_ = active;
    open_all();
    if (active) {
        write_attach(plan_.address + ".receiver");
    }
}

void Receiver::on_attach() {
    attached_ = true;
    credit_given_for_ = 2 * plan_.window;
    write_flow();
}

void Receiver::write_flow() {
    const auto count = static_cast<std::uint32_t>(received_);
    FrameWriter(out_, kFlow)
        .uint(next_incoming_id_)
        .uint(kSessionWindow)
        .uint(0)
        .uint(kSessionWindow)
        .uint(0)
        .uint(count)
        .uint(credit_given_for_ - count);
}

void Receiver::on_transfer(const Frame& frame, std::uint64_t now_ns) {
    FieldReader fields(frame.fields);
    fields.pass_over(1);
    const Field id = fields.next();
    fields.pass_over(2);
    const bool settled = fields.next().number != 0;
    const bool more = fields.next().number != 0;
    if (!started_) {
        started_ = true;
        delivery_id_ = static_cast<std::uint32_t>(id.number);
        delivery_settled_ = settled;
        if (frame.payload.size() >= kContentAt + kStampBytes) {
            // The router's own annotations are not expected in front: this is our own section.
            std::uint64_t stamp = 0;
            std::memcpy(&stamp, frame.payload.data() + kContentAt, kStampBytes);
            latency_ns_.add(now_ns > stamp ? now_ns - stamp : 0);
        }
    }
    if (more) {
        return;
    }
    started_ = false;
    ++received_;
    if (!delivery_settled_) {
        first_unsettled_ = to_settle_ ? first_unsettled_ : delivery_id_;
        last_unsettled_ = delivery_id_;
        to_settle_ = true;
    }
}

void Receiver::answer() {
    if (to_settle_) {
        to_settle_ = false;
        FrameWriter(out_, kDisposition)
            .boolean(true)
            .uint(first_unsettled_)
            .uint(last_unsettled_)
            .boolean(true)
            .state(kAccepted);
    }
    const auto left = credit_given_for_ - static_cast<std::uint32_t>(received_);
    if (attached_ && left <= plan_.window) {
        credit_given_for_ = static_cast<std::uint32_t>(received_) + 2 * plan_.window;
        write_flow();
    }
}

}  // namespace amqmesh::bench
