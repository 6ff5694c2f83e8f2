// Transfer, disposition and flow as they come in.  [data path 2]
#include "link/assert.h"
#include "link/engine_impl.h"

#include <algorithm>
#include <utility>

namespace amqmesh::link {

namespace {

Condition session_error(const char* name, const char* description) {
    return {.name = name, .description = description};
}

/// What a receiver says without settling is news only if it has made up its mind (AMQP 3.4).
bool is_terminal(Outcome outcome) {
    return outcome != Outcome::kNone && outcome != Outcome::kReceived;
}

}  // namespace

void Engine::Impl::receive_transfer(SessionIndex index,
                                    const Body& body,
                                    std::size_t payload_missing) {
    SessionSlot& session = sessions[index];
    if (!decode_transfer(body, transfer_in) || !in_chunk) {
        // No chunk: the performative alone outgrew every reason.
        stream_left = 0;
        fail({.name = "amqp:decode-error", .description = "malformed transfer"});
        return;
    }
    const TransferFrame& frame = transfer_in;
    stream_link = kNone;
    if (!session.live()) {
        return;
    }
    if (!session.flow.receive_frame(body.payload.size() + payload_missing)) {
        fail_session(index,
                     session_error("amqp:session:window-violation",
                                   "transfer beyond the session's incoming window"));
        return;
    }
    if (session.flow.renewal_due()) {
        session.flow_due = true;
        mark_dirty(index);
    }
    const LinkIndex link_index = session.handles.find(frame.handle);
    if (link_index == kNone) {
        fail_session(index, session_error("amqp:session:unattached-handle", "transfer on no link"));
        return;
    }
    LinkSlot& link = links[link_index];
    if (!link.live()) {
        return;  // we have detached; the peer did not know yet
    }
    const bool first = !link.in.active;
    if (first) {
        if (!begin_incoming(index, link_index, frame)) {
            return;
        }
    } else if (frame.delivery_id && *frame.delivery_id != link.in.id) {
        fail_session(index,
                     session_error("amqp:not-allowed", "delivery begun before the last was over"));
        return;
    }
    if (!link.in.settled && (frame.settled || frame.aborted)) {
        link.in.settled = true;
        session.incoming.erase(link.in.id);
    }
    if (frame.aborted) {
        stream_link = kNone;
    }
    Transfer transfer{.session = index,
                      .link = link_index,
                      .delivery_id = link.in.id,
                      .first = first,
                      .settled = link.in.settled && !frame.aborted,
                      .more = !frame.aborted && (frame.more || payload_missing > 0),
                      .aborted = frame.aborted,
                      .message_format = frame.message_format.value_or(0),
                      .receiver_settle_mode = frame.receiver_settle_mode,
                      .tag = frame.tag.value_or(Bytes{}),
                      .state = frame.state,
                      .payload = frame.aborted ? Bytes{} : body.payload,
                      .chunk = &in_chunk,
                      .context = link.in.context};
    if (payload_missing > 0 && !frame.aborted) {
        stream_link = link_index;
        stream_more = frame.more;
    }
    deliver(link_index, transfer);
}

/// First frame of a delivery. False: it was refused.
bool Engine::Impl::begin_incoming(SessionIndex index,
                                  LinkIndex link_index,
                                  const TransferFrame& frame) {
    SessionSlot& session = sessions[index];
    LinkSlot& link = links[link_index];
    if (link.role != Role::kReceiver) {
        fail_session(index, session_error("amqp:not-allowed", "transfer to a sending link"));
        return false;
    }
    if (!frame.delivery_id || !frame.tag) {
        fail_session(
            index,
            session_error("amqp:invalid-field", "first transfer without delivery-id or tag"));
        return false;
    }
    if (frame.resume) {
        fail_link(link_index, session_error("amqp:not-implemented", "deliveries are not resumed"));
        return false;
    }
    if (!link.receiver.receive_delivery()) {
        fail_link(link_index,
                  session_error("amqp:link:transfer-limit-exceeded", "transfer without credit"));
        return false;
    }
    const bool settled = frame.settled || frame.aborted;
    link.in.active = true;
    link.in.settled = settled;
    link.in.id = *frame.delivery_id;
    link.in.context = 0;
    if (!settled && !session.incoming.insert(*frame.delivery_id, link_index, 0)) {
        link.in = {};
        fail_session(index,
                     session_error("amqp:not-allowed", "delivery-id of an unsettled delivery"));
        return false;
    }
    return true;
}

/// Hands a frame (or a piece of one) to the handler and keeps the context it sets.
void Engine::Impl::deliver(LinkIndex link_index, Transfer& transfer) {
    LinkSlot& link = links[link_index];
    SessionSlot& session = sessions[transfer.session];
    if (!transfer.more) {
        stream_link = kNone;
    }
    events.on_transfer(transfer);
    if (!link.used || !link.in.active || link.in.id != transfer.delivery_id) {
        return;  // the link has gone meanwhile
    }
    if (transfer.first && !link.in.settled) {
        if (DeliveryEntry* entry = session.incoming.find(link.in.id)) {
            entry->context = transfer.context;
        }
    }
    link.in.context = transfer.context;
    if (!transfer.more) {
        link.in.active = false;
        if (link.live() && link.receiver.take_drained()) {
            events.on_drained(link_index);
        }
    }
}

/// Next piece of a frame that is larger than a chunk.
void Engine::Impl::stream_payload() {
    const Bytes input = pending_input();
    const std::size_t piece = std::min(input.size(), stream_left);
    in_begin += piece;
    stream_left -= piece;
    if (stream_link == kNone) {
        return;  // the link or the delivery has gone
    }
    LinkSlot& link = links[stream_link];
    if (!link.live() || !link.in.active) {
        stream_link = kNone;
        return;
    }
    Transfer transfer{.session = link.session,
                      .link = stream_link,
                      .delivery_id = link.in.id,
                      .first = false,
                      .settled = link.in.settled,
                      .more = stream_left > 0 || stream_more,
                      .aborted = false,
                      .message_format = 0,
                      .receiver_settle_mode = std::nullopt,
                      .tag = {},
                      .state = {},
                      .payload = input.first(piece),
                      .chunk = &in_chunk,
                      .context = link.in.context};
    deliver(stream_link, transfer);
}

void Engine::Impl::receive_disposition(SessionIndex index, const Body& body) {
    const std::optional<DispositionFrame> frame = decode_disposition(body);
    if (!frame) {
        fail({.name = "amqp:decode-error", .description = "malformed disposition"});
        return;
    }
    SessionSlot& session = sessions[index];
    const bool ours = frame->role == Role::kReceiver;  // about deliveries that we sent
    const bool says_something = frame->settled || (ours && is_terminal(frame->state.outcome));
    if (!says_something) {
        return;
    }
    std::uint32_t settled = 0;
    const std::uint32_t looks =
        ours ? session.outgoing.visit(frame->first,
                                      frame->last,
                                      [&](std::uint32_t id) {
                                          return outgoing_disposition(session, id, *frame, settled);
                                      })
             : session.incoming.visit(frame->first, frame->last, [&](std::uint32_t id) {
                   return incoming_disposition(session, id, *frame, settled);
               });
    if (!session.live()) {
        return;
    }
    if (looks > settled + kLooksFree && !afford(session, looks - settled)) {
        fail_session(index,
                     session_error("amqp:resource-limit-exceeded",
                                   "wide dispositions again and again, and hardly a delivery"));
        return;
    }
    if (session.outgoing_full && session.outgoing.size() < config.outgoing_unsettled_max / 4 * 3) {
        session.outgoing_full = false;
        events.on_session_writable(index);
    }
}

/// A wide disposition may take a look at each of very many deliveries and settle none, and is 20
/// bytes long. A session earns such looks with its transfers.
bool Engine::Impl::afford(SessionSlot& session, std::uint32_t looks) {
    const std::uint32_t frames =
        session.flow.next_outgoing_id() + session.flow.next_incoming_id().value_or(0);
    const std::uint64_t earned =
        std::uint64_t{kLooksPerFrame} * (frames - std::exchange(session.looks_frames, frames));
    const std::uint64_t left = std::min<std::uint64_t>(kLooksMax, session.looks_left + earned);
    session.looks_left = static_cast<std::uint32_t>(left - std::min<std::uint64_t>(left, looks));
    return looks <= left;
}

/// Counts what it settles. False: the session has ended in the handler.
bool Engine::Impl::outgoing_disposition(SessionSlot& session,
                                        std::uint32_t id,
                                        const DispositionFrame& frame,
                                        std::uint32_t& settled) {
    const std::optional<std::uint64_t> context = session.outgoing.look_up(id, frame.settled);
    if (!context) {
        return true;  // settled already
    }
    settled += frame.settled ? 1U : 0U;
    events.on_outgoing_disposition(*context, frame.state, frame.settled);
    return session.live();
}

bool Engine::Impl::incoming_disposition(SessionSlot& session,
                                        std::uint32_t id,
                                        const DispositionFrame& frame,
                                        std::uint32_t& settled) {
    const DeliveryEntry* entry = session.incoming.find(id);
    if (entry == nullptr) {
        return true;
    }
    const std::uint64_t context = entry->context;
    if (frame.settled) {
        LinkSlot& link = links[entry->link];
        if (link.in.active && link.in.id == id) {
            link.in.settled = true;  // settled while frames are still to come
        }
        session.incoming.erase(id);
        ++settled;
    }
    events.on_incoming_disposition(context, frame.state, frame.settled);
    return session.live();
}

void Engine::Impl::receive_flow(SessionIndex index, const Body& body) {
    const std::optional<FlowFrame> flow = decode_flow(body);
    if (!flow) {
        fail({.name = "amqp:decode-error", .description = "malformed flow"});
        return;
    }
    SessionSlot& session = sessions[index];
    const bool opened = session.flow.receive_flow(
        flow->next_incoming_id, flow->incoming_window, flow->next_outgoing_id);
    write_due_aborts(session);
    if (flow->handle) {
        const LinkIndex link_index = session.handles.find(*flow->handle);
        if (link_index == kNone) {
            fail_session(index, session_error("amqp:session:unattached-handle", "flow on no link"));
            return;
        }
        if (links[link_index].live()) {
            link_flow(link_index, *flow);
        }
    } else if (flow->echo) {
        session.flow_due = true;
        mark_dirty(index);
    }
    // Once for all that is read at a time: each call may go through all links of the session.
    if (opened && session.live() && !std::exchange(session.writable_due, true)) {
        due_sessions.push_back(index);
    }
}

void Engine::Impl::link_flow(LinkIndex index, const FlowFrame& flow) {
    LinkSlot& link = links[index];
    if (flow.echo) {
        mark_flow(index);
    }
    if (link.role == Role::kReceiver) {
        if (flow.delivery_count && link.receiver.receive_flow(*flow.delivery_count)) {
            events.on_drained(index);
        }
        return;
    }
    if (!flow.link_credit) {
        return;  // about the session only
    }
    const bool changed =
        link.sender.receive_flow(flow.delivery_count, *flow.link_credit, flow.drain);
    if (changed || flow.echo) {
        events.on_flow(index, {.credit = link.sender.credit(), .drain = link.sender.drain()});
    }
}

/// What commands brought about and only events may tell.
void Engine::Impl::raise_due_events() {
    for (std::size_t i = 0; i < doomed_links.size(); ++i) {
        link_gone(doomed_links[i]);
    }
    doomed_links.clear();
    for (std::size_t i = 0; i < due_sessions.size(); ++i) {
        SessionSlot& session = sessions[due_sessions[i]];
        if (std::exchange(session.writable_due, false) && session.live()) {
            events.on_session_writable(due_sessions[i]);
        }
    }
    due_sessions.clear();
}

}  // namespace amqmesh::link
