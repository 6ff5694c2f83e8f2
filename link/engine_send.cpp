// Deliveries on their way out.  [data path 7]
#include "link/assert.h"
#include "link/engine_impl.h"

#include <algorithm>
#include <cstring>

namespace amqmesh::link {

bool Engine::Impl::writable(LinkIndex index) const {
    const LinkSlot& link = links[index];
    if (!link.live() || link.role != Role::kSender || link.local_handle == kNone ||
        phase != EnginePhase::kRunning) {
        return false;
    }
    const SessionSlot& session = sessions[link.session];
    if (out.bytes() >= config.output_bytes_max) {
        output_full = true;
    }
    // Once full, it is nobody's turn until half of it is gone and on_output_writable gives
    // everybody one: or a link whose peer says something now and then would take all the room.
    if (output_full || !session.live() || session.flow.outgoing_window() == 0 ||
        link.out.abort_due) {
        return false;
    }
    return link.out.active ||
           (link.sender.credit() > 0 && session.outgoing.size() < config.outgoing_unsettled_max);
}

/// Ids begin again behind 2^32 - 1 (AMQP 2.8.8), while some of the last round may be unsettled yet.
std::uint32_t Engine::Impl::next_delivery_id(SessionSlot& session) {
    const std::uint32_t id = session.outgoing.unused_from(session.next_delivery_id);
    session.next_delivery_id = id + 1;
    return id;
}

std::uint32_t Engine::Impl::start_delivery(LinkIndex index, const OutboundDelivery& delivery) {
    LinkSlot& link = links[index];
    AMQMESH_DEBUG_ASSERT(writable(index) && !link.out.active);
    AMQMESH_DEBUG_ASSERT(!delivery.tag.empty() && delivery.tag.size() <= kTagBytesMax);
    SessionSlot& session = sessions[link.session];
    write_pending_first(session);
    SendingDelivery& out_delivery = link.out;
    out_delivery.active = true;
    out_delivery.written = false;
    out_delivery.abort_due = false;
    out_delivery.settled = delivery.settled;
    out_delivery.id = next_delivery_id(session);
    out_delivery.message_format = delivery.message_format;
    out_delivery.receiver_settle_mode = delivery.receiver_settle_mode;
    out_delivery.tag_bytes = static_cast<std::uint8_t>(delivery.tag.size());
    copy_short(out_delivery.tag.data(), delivery.tag);
    out_delivery.outcome = delivery.state.outcome;
    out_delivery.state.assign(delivery.state.raw.begin(), delivery.state.raw.end());
    session.unwritten = index;
    link.sender.send_delivery();
    if (!delivery.settled) {
        const bool added = session.outgoing.insert(out_delivery.id, index, delivery.context);
        AMQMESH_DEBUG_ASSERT(added);
        static_cast<void>(added);
        session.outgoing_full =
            session.outgoing_full || session.outgoing.size() >= config.outgoing_unsettled_max;
    }
    return out_delivery.id;
}

/// Receivers want first frames in the order of the delivery-ids (AMQP 2.6.12): a delivery that was
/// started but not yet written gets its first frame, empty, before another one of the session.
void Engine::Impl::write_pending_first(SessionSlot& session) {
    if (session.unwritten == kNone) {
        return;
    }
    LinkSlot& link = links[session.unwritten];
    if (link.out.active && !link.out.written && session.flow.outgoing_window() > 0) {
        emit_transfer(session, link, {}, nullptr, true);
    }
}

Engine::Written Engine::Impl::write_delivery(LinkIndex index,
                                             Bytes payload,
                                             const ChunkRef* owner,
                                             bool more) {
    LinkSlot& link = links[index];
    if (!link.live() || !link.out.active || phase != EnginePhase::kRunning ||
        link.local_handle == kNone) {
        return {};
    }
    SessionSlot& session = sessions[link.session];
    if (session.unwritten != index) {
        write_pending_first(session);
    }
    SendingDelivery& delivery = link.out;
    const std::size_t frame_bytes_max =
        std::min<std::size_t>(remote.max_frame_size, kFrameBytesOutMax);
    std::size_t taken = 0;
    while (taken < payload.size() || (!more && taken == payload.size())) {
        if (session.flow.outgoing_window() == 0) {
            return {.bytes = taken, .complete = false};
        }
        std::size_t head = kTransferBytesMax + delivery.tag_bytes + delivery.state.size();
        if (head + 64 > frame_bytes_max) {
            delivery.state.clear();  // the peer's frames are too small for the state
            delivery.outcome = Outcome::kNone;
            head = kTransferBytesMax + delivery.tag_bytes;
        }
        const std::size_t piece = std::min(payload.size() - taken, frame_bytes_max - head);
        const bool last = taken + piece == payload.size();
        emit_transfer(session, link, payload.subspan(taken, piece), owner, !last || more);
        taken += piece;
        if (last && !more) {
            delivery.active = false;
            break;
        }
    }
    note_output_full();
    return {.bytes = taken, .complete = true};
}

std::optional<std::uint32_t> Engine::Impl::send_whole(LinkIndex index,
                                                      const WholeDelivery& delivery) {
    LinkSlot& link = links[index];
    SessionSlot& session = sessions[link.session];
    const Bytes payload = delivery.payload;
    const std::size_t room = kTransferBytesMax + kTagBytesMax + payload.size();
    if (link.out.active || session.unwritten != kNone || payload.size() > kReferenceBytesMin ||
        room > remote.max_frame_size || trace || !writable(index)) {
        return std::nullopt;
    }
    const std::uint32_t id = next_delivery_id(session);
    out.commit(encode(out.reserve(room),
                      static_cast<std::uint16_t>(session.local_channel),
                      WholeTransfer{.handle = link.local_handle,
                                    .delivery_id = id,
                                    .tag = delivery.tag,
                                    .message_format = delivery.message_format,
                                    .settled = delivery.settled,
                                    .payload = payload}));
    link.sender.send_delivery();
    session.flow.send_frame();
    if (!delivery.settled) {
        const bool added = session.outgoing.insert(id, index, delivery.context);
        AMQMESH_DEBUG_ASSERT(added);
        static_cast<void>(added);
        session.outgoing_full =
            session.outgoing_full || session.outgoing.size() >= config.outgoing_unsettled_max;
    }
    ++counters.frames_out;
    last_sent = now;
    note_output_full();
    return id;
}

void Engine::Impl::emit_transfer(SessionSlot& session,
                                 LinkSlot& link,
                                 Bytes payload,
                                 const ChunkRef* owner,
                                 bool more,
                                 bool aborted) {
    SendingDelivery& delivery = link.out;
    TransferFrame& frame = transfer_out;
    frame.handle = link.local_handle;
    frame.delivery_id = delivery.id;
    frame.more = more;
    frame.aborted = aborted;
    frame.settled = delivery.settled;
    if (!delivery.written) {
        frame.tag = Bytes(delivery.tag).first(delivery.tag_bytes);
        frame.message_format = delivery.message_format;
        frame.receiver_settle_mode = delivery.receiver_settle_mode;
        frame.state = {.outcome = delivery.outcome, .raw = delivery.state};
        delivery.written = true;
        session.unwritten = kNone;
    } else {
        frame.tag.reset();
        frame.message_format.reset();
        frame.receiver_settle_mode.reset();
        frame.state = {};
    }
    const bool by_reference = owner != nullptr && *owner && payload.size() >= kReferenceBytesMin;
    const std::size_t room = kTransferBytesMax + kTagBytesMax + delivery.state.size() +
                             (by_reference ? 0 : std::min<std::size_t>(payload.size(), 4096));
    std::byte* frame_at = out.reserve(room);
    const std::size_t head =
        encode(frame_at, static_cast<std::uint16_t>(session.local_channel), frame, payload.size());
    const Bytes shown{frame_at, head};
    if (by_reference) {
        out.commit(head);
        out.append_reference(payload, *owner);
    } else if (payload.size() <= 4096) {
        if (!payload.empty()) {
            std::memcpy(frame_at + head, payload.data(), payload.size());
        }
        out.commit(head + payload.size());
    } else {
        out.commit(head);
        out.append(payload);
    }
    session.flow.send_frame();
    count_frame_out(shown, payload.size());
}

void Engine::Impl::abort_delivery(LinkIndex index) {
    LinkSlot& link = links[index];
    if (!link.live() || !link.out.active || link.out.abort_due) {
        return;
    }
    SessionSlot& session = sessions[link.session];
    session.outgoing.erase(link.out.id);
    if (phase == EnginePhase::kRunning && link.local_handle != kNone) {
        if (session.flow.outgoing_window() == 0) {
            link.out.abort_due = true;  // as soon as the peer's window opens
            session.abort_links.push_back(index);
            return;
        }
        emit_transfer(session, link, {}, nullptr, false, true);
    }
    link.out.active = false;
}

void Engine::Impl::write_due_aborts(SessionSlot& session) {
    while (!session.abort_links.empty() && session.flow.outgoing_window() > 0) {
        LinkSlot& link = links[session.abort_links.back()];
        session.abort_links.pop_back();
        if (link.live() && &sessions[link.session] == &session && link.out.abort_due) {
            emit_transfer(session, link, {}, nullptr, false, true);
            link.out.abort_due = false;
            link.out.active = false;
        }
    }
}

}  // namespace amqmesh::link
