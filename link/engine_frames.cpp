// From bytes to frames: read buffers, protocol headers, framing, and the guards that a frame passes
// before anything acts on it.
#include "link/assert.h"
#include "link/engine_impl.h"

#include <algorithm>
#include <cstring>

namespace amqmesh::link {

namespace {

/// A rest of a frame up to here is kept aside, so that a quiet connection holds no chunk.
constexpr std::size_t kStashBytesMax = 512;
/// Less free room than this at the end of a chunk is not worth a read.
constexpr std::size_t kReadBytesMin = std::size_t{8} * 1024;
/// A performative that is longer than this is nobody's honest transfer.
constexpr std::size_t kTransferHeadBytesMax = std::size_t{32} * 1024;

/// parse_body(), quicker for the usual list with one octet of size.
bool parse_hot_body(Bytes bytes, Body& body) {
    constexpr std::size_t kListStart = 6;  // descriptor 3, constructor, size, count
    const std::size_t size = bytes.size() < kListStart ? 0 : std::to_integer<std::size_t>(bytes[4]);
    if (size < 1 || kListStart - 1 + size > bytes.size() || bytes[0] != std::byte{0} ||
        bytes[3] != std::byte{0xc0}) {
        const std::optional<Body> parsed = parse_body(bytes);
        body = parsed.value_or(Body{});
        return parsed.has_value();
    }
    body.descriptor = std::to_integer<std::uint64_t>(bytes[2]);
    body.count = std::to_integer<std::uint32_t>(bytes[5]);
    body.fields = bytes.subspan(kListStart, size - 1);
    body.payload = bytes.subspan(kListStart - 1 + size);
    return true;
}

}  // namespace

Bytes Engine::Impl::pending_input() const {
    return in_chunk ? Bytes{in_chunk.get()->bytes.get() + in_begin, in_end - in_begin} : Bytes{};
}

std::span<std::byte> Engine::Impl::input_space() {
    if (!large.empty()) {
        return std::span(large).subspan(large_used);
    }
    const std::size_t pending = in_chunk ? in_end - in_begin : stash.size();
    const std::size_t wanted =
        std::max(kReadBytesMin, in_needed > pending ? in_needed - pending : 0);
    if (!in_chunk || ChunkPool::kChunkBytes - in_end < wanted) {
        const ChunkRef old = std::move(in_chunk);
        const std::byte* rest = old ? old.get()->bytes.get() + in_begin : stash.data();
        in_chunk = pool.take();
        if (pending > 0) {
            std::memcpy(in_chunk.get()->bytes.get(), rest, pending);
        }
        stash.clear();
        in_begin = 0;
        in_end = pending;
    }
    return {in_chunk.get()->bytes.get() + in_end, ChunkPool::kChunkBytes - in_end};
}

void Engine::Impl::input_done(std::size_t count, Time at) {
    now = at;
    if (count > 0) {
        counters.bytes_in += count;
        last_received = at;
        in_events = true;
        if (!large.empty()) {
            large_used += count;
            AMQMESH_DEBUG_ASSERT(large_used <= large.size());
            if (large_used == large.size()) {
                const std::vector<std::byte> frame = std::exchange(large, {});
                large_used = 0;
                process_frame(frame);
            }
        } else {
            in_end += count;
            process_input();
        }
        limit_answers();
        raise_due_events();
        in_events = false;
    }
    rest_input();
}

/// Whoever takes no transfers is given none, but what a peer sends is answered: one that never
/// reads (and need not, to know its credit) is not let grow our queue without end.
void Engine::Impl::limit_answers() {
    if (phase == EnginePhase::kRunning && out.bytes() > config.output_bytes_max + kAnswerBytesMax) {
        fail({.name = "amqp:resource-limit-exceeded",
              .description = "the peer asks for answers that it does not read"});
    }
}

void Engine::Impl::process_input() {
    in_needed = 0;
    while (phase != EnginePhase::kClosed && in_begin < in_end) {
        if (phase == EnginePhase::kFailed) {
            in_begin = in_end;  // thrown away: only EOF is waited for
            return;
        }
        if (stream_left > 0) {
            stream_payload();
            continue;
        }
        const Bytes input = pending_input();
        if (hot_frame(input)) {
            continue;
        }
        if (!(expect_header ? process_header(input) : process_frame(input))) {
            return;
        }
    }
    if (phase == EnginePhase::kClosed) {
        in_begin = in_end;
    }
}

/// The usual frame on the usual connection: transfer, disposition or flow, complete, without
/// extended header, on a live session. Everything else, faults included, is left to
/// process_frame().
bool Engine::Impl::hot_frame(Bytes input) {
    constexpr std::uint32_t kPlainHeader = 0x0200U;  // doff 2, type AMQP
    if (!remote_open_seen || phase != EnginePhase::kRunning || trace ||
        input.size() < kFrameHeaderBytes + 4) {
        return false;
    }
    const std::size_t bytes = load_u32(input.data());
    const std::byte* body_at = input.data() + kFrameHeaderBytes;
    const bool hot = body_at[1] == std::byte{0x53} && body_at[2] >= std::byte{0x13} &&
                     body_at[2] <= std::byte{0x15};
    if (load_u16(&input[4]) != kPlainHeader || bytes > input.size() ||
        bytes > config.max_frame_size || bytes < kFrameHeaderBytes + 4 || !hot) {
        return false;
    }
    const std::uint16_t channel = load_u16(&input[6]);
    const SessionIndex index =
        channel < by_remote_channel.size() ? by_remote_channel[channel] : kNone;
    Body body;
    if (index == kNone || !sessions[index].live() ||
        !parse_hot_body(input.subspan(kFrameHeaderBytes, bytes - kFrameHeaderBytes), body)) {
        return false;
    }
    ++counters.frames_in;
    in_begin += bytes;
    switch (static_cast<Performative>(body.descriptor)) {
        case Performative::kTransfer:
            receive_transfer(index, body, 0);
            return true;
        case Performative::kDisposition:
            receive_disposition(index, body);
            return true;
        default:
            receive_flow(index, body);
            return true;
    }
}

/// Gives the chunk back when nothing in it waits; a short rest waits elsewhere.
void Engine::Impl::rest_input() {
    if (!in_chunk || !large.empty()) {
        return;
    }
    const Bytes rest = pending_input();
    const bool shared = in_chunk.get()->references > 1;
    if (shared && ChunkPool::kChunkBytes - in_end >= kReadBytesMin) {
        return;  // somebody keeps it anyway: the next read fills it up
    }
    if (rest.size() <= kStashBytesMax) {
        stash.assign(rest.begin(), rest.end());
        in_chunk = ChunkRef();
        in_begin = 0;
        in_end = 0;
    }
}

bool Engine::Impl::process_header(Bytes input) {
    const ProtocolHeader header = scan_protocol_header(input);
    if (header == ProtocolHeader::kIncomplete) {
        return false;
    }
    const bool again = header == ProtocolHeader::kSasl && sasl_layer;
    const bool without_sasl =
        header == ProtocolHeader::kAmqp && !sasl_layer && !config.initiator && config.sasl_required;
    const bool sasl_unwanted =
        header == ProtocolHeader::kSasl && config.initiator && !config.use_sasl;
    const bool sasl_missing =
        header == ProtocolHeader::kAmqp && config.initiator && config.use_sasl && !sasl_layer;
    if (header == ProtocolHeader::kUnknown || again || without_sasl || sasl_unwanted ||
        sasl_missing) {
        // AMQP 2.2: say what we speak, then close.
        if (!config.initiator) {
            static constexpr std::array<char, 8> kAmqp{'A', 'M', 'Q', 'P', 0, 1, 0, 0};
            static constexpr std::array<char, 8> kSasl{'A', 'M', 'Q', 'P', 3, 1, 0, 0};
            out.append(std::as_bytes(std::span(config.sasl_required ? kSasl : kAmqp)));
        }
        fail({.name = "amqp:connection:framing-error",
              .description = header == ProtocolHeader::kUnknown
                                 ? "not an AMQP 1.0 protocol header"
                                 : "protocol header of a layer that is not allowed here"});
        return false;
    }
    in_begin += kProtocolHeaderBytes;
    expect_header = false;
    (header == ProtocolHeader::kSasl ? sasl_layer : amqp_header_in) = true;
    lifecycle_frame(input.first(kProtocolHeaderBytes));
    return true;
}

bool Engine::Impl::process_frame(Bytes input) {
    const Scan scan = scan_frame(input, config.max_frame_size);
    switch (scan.status) {
        case ScanStatus::kIncomplete:
            return false;
        case ScanStatus::kMalformed:
            fail({.name = "amqp:connection:framing-error", .description = scan.fault});
            return false;
        case ScanStatus::kHeader:
            if (amqp_header_in) {
                fail({.name = "amqp:connection:framing-error",
                      .description = "protocol header amid frames"});
                return false;
            }
            expect_header = true;  // the layer above SASL
            return true;
        case ScanStatus::kFrame:
            break;
    }
    const ScannedFrame& frame = scan.frame;
    if (frame.bytes > input.size()) {
        in_needed = frame.bytes;
        if (frame.bytes > ChunkPool::kChunkBytes) {
            begin_large_frame(input, frame);
            return stream_left > 0;
        }
        return false;
    }
    if (in_chunk) {
        in_begin += frame.bytes;
    }
    frame_in(input.first(frame.bytes), frame);
    return true;
}

/// A frame that no chunk can hold. Transfers are passed on piece by piece; the rest (an attach with
/// an enormous filter, say) is collected in a buffer of its own, bounded by max-frame-size.
void Engine::Impl::begin_large_frame(Bytes input, const ScannedFrame& frame) {
    in_needed = 0;
    const std::optional<Body> body =
        frame.type == kFrameTypeAmqp && amqp_header_in && input.size() > frame.body
            ? parse_body(input.subspan(frame.body))
            : std::nullopt;
    if (body && body->descriptor == static_cast<unsigned>(Performative::kTransfer)) {
        ++counters.frames_in;
        in_begin = in_end;
        const std::size_t missing = frame.bytes - input.size();
        stream_left = missing;
        if (trace) {
            trace_frame(false, input, body->payload.size() + missing);
        }
        Body whole = *body;
        const SessionIndex index =
            frame.channel < by_remote_channel.size() ? by_remote_channel[frame.channel] : kNone;
        if (phase != EnginePhase::kRunning) {
            return;
        }
        if (index == kNone) {
            fail({.name = "amqp:connection:framing-error",
                  .description = "transfer on a channel without session"});
            return;
        }
        receive_transfer(index, whole, missing);
        return;
    }
    if (!body && input.size() < kTransferHeadBytesMax) {
        in_needed = kTransferHeadBytesMax;  // until the performative itself is there
        return;
    }
    large.resize(frame.bytes);
    std::memcpy(large.data(), input.data(), input.size());
    large_used = input.size();
    in_begin = in_end;
    in_chunk = ChunkRef();
    in_begin = 0;
    in_end = 0;
}

void Engine::Impl::frame_in(Bytes frame, const ScannedFrame& scanned) {
    ++counters.frames_in;
    const bool sasl_now = sasl_layer && !amqp_header_in;
    if ((scanned.type == kFrameTypeSasl) != sasl_now) {
        fail({.name = "amqp:connection:framing-error", .description = "frame of the wrong layer"});
        return;
    }
    const Bytes bytes = frame.subspan(scanned.body);
    if (trace) {
        const std::optional<Body> shown = parse_body(bytes);
        trace_frame(false, frame, shown ? shown->payload.size() : 0);
    }
    if (bytes.empty()) {
        if (sasl_now) {
            fail({.name = "amqp:connection:framing-error", .description = "empty SASL frame"});
        }
        return;  // a heartbeat
    }
    const std::optional<Body> body = parse_body(bytes);
    if (!body) {
        fail({.name = "amqp:decode-error", .description = "frame body is no performative"});
        return;
    }
    if (sasl_now) {
        if (!well_formed(body->fields, body->count, 32)) {
            fail({.name = "amqp:decode-error", .description = "malformed SASL frame"});
            return;
        }
        lifecycle_frame(frame);
        return;
    }
    amqp_frame(scanned.channel, frame, *body);
}

void Engine::Impl::amqp_frame(std::uint16_t channel, Bytes frame, const Body& body) {
    const bool hot = body.descriptor >= 0x13 && body.descriptor <= 0x15;
    if (hot && remote_open_seen && phase == EnginePhase::kRunning) {
        session_frame(channel, frame, body);
        return;
    }
    if (body.descriptor < 0x10 || body.descriptor > 0x18) {
        fail({.name = "amqp:decode-error", .description = "unknown performative"});
        return;
    }
    if (!hot && (!body.payload.empty() || !well_formed(body.fields, body.count, 32))) {
        fail({.name = "amqp:decode-error", .description = "malformed performative"});
        return;
    }
    const auto performative = static_cast<Performative>(body.descriptor);
    if ((performative == Performative::kOpen) == remote_open_seen) {
        fail({.name = "amqp:not-allowed",
              .description = remote_open_seen ? "second open" : "frame before open"});
        return;
    }
    if (performative == Performative::kOpen) {
        open_frame(frame, body);
    } else if (performative == Performative::kClose) {
        lifecycle_frame(frame);
    } else if (phase != EnginePhase::kRunning) {
        return;  // our close is out: nothing else counts any more
    } else if (performative == Performative::kBegin) {
        begin_frame(channel, frame, body);
    } else {
        session_frame(channel, frame, body);
    }
}

void Engine::Impl::session_frame(std::uint16_t channel, Bytes frame, const Body& body) {
    const SessionIndex index =
        channel < by_remote_channel.size() ? by_remote_channel[channel] : kNone;
    if (index == kNone) {
        fail({.name = "amqp:not-allowed", .description = "frame on a channel without session"});
        return;
    }
    const auto performative = static_cast<Performative>(body.descriptor);
    if (!sessions[index].live() && performative != Performative::kEnd) {
        return;  // our end is out: the peer's rest is discarded (AMQP 2.5.5)
    }
    switch (performative) {
        case Performative::kTransfer:
            receive_transfer(index, body, 0);
            return;
        case Performative::kDisposition:
            receive_disposition(index, body);
            return;
        case Performative::kFlow:
            receive_flow(index, body);
            return;
        case Performative::kAttach:
            attach_frame(index, frame, body);
            return;
        case Performative::kDetach:
            detach_frame(index, frame, body);
            return;
        case Performative::kEnd:
            current.session = index;
            lifecycle_frame(frame);
            return;
        case Performative::kOpen:
        case Performative::kBegin:
        case Performative::kClose:
            return;  // amqp_frame() has dealt with them
    }
}

void Engine::Impl::input_closed(std::string_view why, Time at) {
    now = at;
    eof = true;
    if (phase == EnginePhase::kClosed) {
        return;
    }
    const EnginePhase before = std::exchange(phase, EnginePhase::kClosed);
    out.clear();
    if (before == EnginePhase::kFailed) {
        return;  // told already
    }
    in_events = true;
    teardown();
    if (before == EnginePhase::kClosing) {
        events.on_close(close_condition, false);
    } else {
        events.on_close({.name = "amqp:connection:forced", .description = std::string(why)}, true);
    }
    in_events = false;
}

}  // namespace amqmesh::link
