// One line per frame for whoever switched the trace on; Proton's own trace omits the hot frames.
#include "link/engine_impl.h"

#include <cstdio>

namespace amqmesh::link {

namespace {

const char* name_of(const Body& body) {
    switch (body.descriptor) {
        case 0x10:
            return "open";
        case 0x11:
            return "begin";
        case 0x12:
            return "attach";
        case 0x13:
            return "flow";
        case 0x14:
            return "transfer";
        case 0x15:
            return "disposition";
        case 0x16:
            return "detach";
        case 0x17:
            return "end";
        case 0x18:
            return "close";
        case 0x40:
            return "sasl-mechanisms";
        case 0x41:
            return "sasl-init";
        case 0x42:
            return "sasl-challenge";
        case 0x43:
            return "sasl-response";
        case 0x44:
            return "sasl-outcome";
        default:
            return "unknown";
    }
}

/// The numbers that tell hot frames apart.
int describe(const Body& body, std::size_t payload_bytes, std::span<char> text) {
    if (body.descriptor == 0x14) {
        if (const auto frame = decode_transfer(body)) {
            return std::snprintf(
                text.data(),
                text.size(),
                " handle=%u id=%lld settled=%d more=%d aborted=%d payload=%zu",
                frame->handle,
                frame->delivery_id ? static_cast<long long>(*frame->delivery_id) : -1,
                frame->settled,
                frame->more,
                frame->aborted,
                payload_bytes);
        }
    } else if (body.descriptor == 0x15) {
        if (const auto frame = decode_disposition(body)) {
            return std::snprintf(text.data(),
                                 text.size(),
                                 " role=%s first=%u last=%u settled=%d outcome=%d",
                                 frame->role == Role::kReceiver ? "receiver" : "sender",
                                 frame->first,
                                 frame->last,
                                 frame->settled,
                                 static_cast<int>(frame->state.outcome));
        }
    } else if (body.descriptor == 0x13) {
        if (const auto frame = decode_flow(body)) {
            return std::snprintf(
                text.data(),
                text.size(),
                " window=%u next-out=%u handle=%lld count=%lld credit=%lld drain=%d echo=%d",
                frame->incoming_window,
                frame->next_outgoing_id,
                frame->handle ? static_cast<long long>(*frame->handle) : -1,
                frame->delivery_count ? static_cast<long long>(*frame->delivery_count) : -1,
                frame->link_credit ? static_cast<long long>(*frame->link_credit) : -1,
                frame->drain,
                frame->echo);
        }
    }
    return 0;
}

}  // namespace

/// `frame` may lack its payload, of which only the size is told.
void Engine::Impl::trace_frame(bool outgoing, Bytes frame, std::size_t payload_bytes) {
    std::array<char, 256> line{};
    const std::size_t body_at = std::to_integer<std::size_t>(frame[4]) * 4;
    const unsigned channel = load_u16(&frame[6]);
    const std::optional<Body> body =
        body_at < frame.size() ? parse_body(frame.subspan(body_at)) : std::nullopt;
    const char* name = body ? name_of(*body) : (body_at < frame.size() ? "malformed" : "empty");
    const int head = std::snprintf(
        line.data(), line.size(), "%s ch=%u %s", outgoing ? "->" : "<-", channel, name);
    std::size_t used = static_cast<std::size_t>(head);
    if (body) {
        used +=
            static_cast<std::size_t>(describe(*body, payload_bytes, std::span(line).subspan(used)));
    }
    trace(std::string_view(line.data(), std::min(used, line.size() - 1)));
}

}  // namespace amqmesh::link
