// Open, begin, attach, detach, end and close, both ways, through Proton; and what happens to
// sessions and links when something breaks.
//
// In: the guard of each performative runs first, then Proton gets the frame, then its event is
// acted on. Out: after each command Proton's output is pulled at once, so that the begin or attach
// that comes out belongs to the slot that asked for it and our own frames can follow it.
#include "link/assert.h"
#include "link/engine_impl.h"

#include <algorithm>

namespace amqmesh::link {

namespace {

constexpr std::uint32_t kHandleMax = 0x7fffffffU;  // Proton misreads larger ones

std::string link_key(Role role, std::string_view name) {
    std::string key(1, role == Role::kSender ? 's' : 'r');
    key.append(name);
    return key;
}

}  // namespace

LinkIndex HandleTable::find(std::uint32_t handle) const {
    if (handle < dense_.size()) {
        return dense_[handle];
    }
    if (sparse_.empty()) {
        return kNone;
    }
    const auto found = sparse_.find(handle);
    return found == sparse_.end() ? kNone : found->second;
}

void HandleTable::set(std::uint32_t handle, LinkIndex link) {
    if (handle >= kDense) {
        sparse_[handle] = link;
        return;
    }
    if (handle >= dense_.size()) {
        dense_.resize(handle + 1, kNone);
    }
    dense_[handle] = link;
}

void HandleTable::erase(std::uint32_t handle) {
    if (handle < dense_.size()) {
        dense_[handle] = kNone;
    } else {
        sparse_.erase(handle);
    }
}

// -- frames in ------------------------------------------------------------------------------------

/// Feeds Proton one guarded frame, acts on what it makes of it, and takes its answers.
void Engine::Impl::lifecycle_frame(Bytes frame) {
    const bool fed = lifecycle.feed(frame);
    while (const auto event = lifecycle.next_event()) {
        on_proton_event(*event);
    }
    pull_lifecycle();
    if (local_open_sent && !deferred.empty()) {
        run_deferred();
    }
    if (fed) {
        limit_answers();
    }
    if (!fed && phase < EnginePhase::kFailed) {
        Condition why = lifecycle.failure();
        if (why.empty()) {
            why = {.name = "amqp:connection:framing-error", .description = "frame refused"};
        }
        fail(why);
    }
}

void Engine::Impl::on_proton_event(const ProtonLifecycle::Event& event) {
    using Kind = ProtonLifecycle::EventKind;
    switch (event.kind) {
        case Kind::kOpen:
            remote_opened();
            return;
        case Kind::kBegin:
            remote_begun(event.session);
            return;
        case Kind::kAttach:
            remote_attached(event.link);
            return;
        case Kind::kDetach:
            if (const auto slot = ProtonLifecycle::slot(event.link)) {
                remote_detached(*slot, event.closed);
            }
            return;
        case Kind::kEnd:
            if (const auto slot = ProtonLifecycle::slot(event.session)) {
                remote_ended(*slot);
            }
            return;
        case Kind::kClose:
            remote_closed();
            return;
        case Kind::kFailed:
            if (phase < EnginePhase::kFailed) {
                fail(lifecycle.failure());
            }
            return;
    }
}

void Engine::Impl::open_frame(Bytes frame, const Body& body) {
    // Only the first field is mandatory: the container-id, a string.
    const bool named = body.count > 0 && !body.fields.empty() &&
                       (body.fields[0] == std::byte{0xa1} || body.fields[0] == std::byte{0xb1});
    if (!named) {
        fail({.name = "amqp:invalid-field", .description = "open without container-id"});
        return;
    }
    lifecycle_frame(frame);
}

void Engine::Impl::remote_opened() {
    remote = lifecycle.remote_open();
    remote_open_seen = true;
    if (phase != EnginePhase::kRunning) {
        return;
    }
    events.on_open(remote);
    if (phase == EnginePhase::kRunning) {
        lifecycle.open();
        pull_lifecycle();
    }
}

void Engine::Impl::begin_frame(std::uint16_t channel, Bytes frame, const Body& body) {
    const std::optional<BeginFrame> begin = decode_begin(body);
    if (!begin) {
        fail({.name = "amqp:decode-error", .description = "malformed begin"});
        return;
    }
    if (channel > config.channel_max) {
        fail({.name = "amqp:connection:framing-error",
              .description = "begin on a channel above channel-max"});
        return;
    }
    if (channel < by_remote_channel.size() && by_remote_channel[channel] != kNone) {
        fail({.name = "amqp:not-allowed", .description = "begin on a channel in use"});
        return;
    }
    if (begin->remote_channel && !awaits_begin(*begin->remote_channel)) {
        fail({.name = "amqp:not-allowed", .description = "answer to a begin never sent"});
        return;
    }
    current.channel = channel;
    current.begin = *begin;
    lifecycle_frame(frame);
}

/// We have sent a begin on this channel that is not answered yet.
bool Engine::Impl::awaits_begin(std::uint16_t local_channel) const {
    for (SessionIndex i = 0; i < sessions.size(); ++i) {
        const SessionSlot& session = sessions[i];
        if (session.used && session.local_channel == local_channel &&
            session.remote_channel == kNone) {
            return true;
        }
    }
    return false;
}

void Engine::Impl::remote_begun(pn_session_t* proton) {
    if (phase != EnginePhase::kRunning) {
        return;
    }
    const std::optional<std::uint32_t> slot = ProtonLifecycle::slot(proton);
    const SessionIndex index = slot ? *slot : new_session();
    SessionSlot& session = sessions[index];
    session.remote_channel = current.channel;
    if (by_remote_channel.size() <= current.channel) {
        by_remote_channel.resize(std::size_t{current.channel} + 1, kNone);
    }
    by_remote_channel[current.channel] = index;
    session.remote_handle_max = current.begin.handle_max;
    session.flow.remote_begun(current.begin.next_outgoing_id, current.begin.incoming_window);
    if (slot) {
        if (session.live()) {
            events.on_session_writable(index);
        }
        return;
    }
    session.proton = proton;
    ProtonLifecycle::set_slot(proton, index);
    open_session(index);
    events.on_begin(index);
}

void Engine::Impl::attach_frame(SessionIndex index, Bytes frame, const Body& body) {
    const std::optional<AttachFrame> attach = decode_attach(body);
    if (!attach) {
        fail({.name = "amqp:decode-error", .description = "malformed attach"});
        return;
    }
    if (attach->handle > std::min(config.handle_max, kHandleMax)) {
        fail({.name = "amqp:connection:framing-error",
              .description = "attach with a handle above handle-max"});
        return;
    }
    SessionSlot& session = sessions[index];
    if (session.handles.find(attach->handle) != kNone) {
        fail_session(
            index,
            {.name = "amqp:session:handle-in-use", .description = "attach on a live handle"});
        return;
    }
    const Role local_role = attach->role == Role::kSender ? Role::kReceiver : Role::kSender;
    const auto named = session.names.find(link_key(local_role, attach->name));
    if (named != session.names.end()) {
        if (links[named->second].remote_attached) {
            fail_session(index,
                         {.name = "amqp:not-allowed", .description = "attach of a link in use"});
            return;
        }
    } else if (links_used >= config.links_max) {
        fail({.name = "amqp:resource-limit-exceeded",
              .description = "too many links on one connection"});
        return;
    }
    current.session = index;
    current.attach = *attach;
    lifecycle_frame(frame);
    current.attach = {};
}

void Engine::Impl::remote_attached(pn_link_t* proton) {
    if (phase != EnginePhase::kRunning) {
        return;
    }
    const std::optional<std::uint32_t> slot = ProtonLifecycle::slot(proton);
    RemoteAttach attach = ProtonLifecycle::remote_attach(proton);
    attach.offered_capabilities = std::move(current.attach.offered_capabilities);
    attach.desired_capabilities = std::move(current.attach.desired_capabilities);
    const LinkIndex index =
        slot ? *slot : new_link(current.session, attach.local_role, attach.name);
    LinkSlot& link = links[index];
    link.remote_attached = true;
    link.remote_handle = current.attach.handle;
    sessions[current.session].handles.set(link.remote_handle, index);
    if (link.role == Role::kReceiver) {
        link.receiver.start(current.attach.initial_delivery_count.value_or(0));
    }
    if (slot) {
        if (link.live()) {
            events.on_attached(index, attach);
        }
        return;
    }
    link.proton = proton;
    ProtonLifecycle::set_slot(proton, index);
    events.on_attach(current.session, index, attach);
}

void Engine::Impl::detach_frame(SessionIndex index, Bytes frame, const Body& body) {
    const std::optional<DetachFrame> detach = decode_detach(body);
    if (!detach) {
        fail({.name = "amqp:decode-error", .description = "malformed detach"});
        return;
    }
    if (sessions[index].handles.find(detach->handle) == kNone) {
        fail_session(
            index, {.name = "amqp:session:unattached-handle", .description = "detach of no link"});
        return;
    }
    current.session = index;
    lifecycle_frame(frame);
}

void Engine::Impl::remote_detached(LinkIndex index, bool closed) {
    LinkSlot& link = links[index];
    if (!link.used || link.remote_detached) {
        return;
    }
    link.remote_detached = true;
    sessions[link.session].handles.erase(link.remote_handle);
    if (link.local_detached) {
        link_gone(index);
    } else if (!link.reported) {
        events.on_detach(index, closed, ProtonLifecycle::remote_condition(link.proton));
        detach(index, {}, closed);  // unless the handler has
        link.reported = true;
    }
    if (link.local_detached) {
        free_link(index);
    }
}

void Engine::Impl::remote_ended(SessionIndex index) {
    SessionSlot& session = sessions[index];
    if (!session.used) {
        return;
    }
    links_gone(index);
    if (!std::exchange(session.reported, true)) {
        events.on_session_gone(index);
    }
    if (!session.local_ended) {
        session.local_ended = true;
        ProtonLifecycle::end_session(session.proton, {});
        pull_lifecycle();
    }
    free_session(index);
}

void Engine::Impl::remote_closed() {
    const Condition theirs = lifecycle.remote_condition();
    const EnginePhase before = phase;
    if (before >= EnginePhase::kFailed) {
        phase = EnginePhase::kClosed;
        linger_until = now + kCloseLinger;
        return;
    }
    phase = EnginePhase::kClosed;
    linger_until = now + kCloseLinger;
    teardown();
    lifecycle.close({});
    pull_lifecycle();
    if (before == EnginePhase::kClosing) {
        events.on_close(close_condition, false);
    } else {
        events.on_close(theirs, true);
    }
}

// -- frames out -----------------------------------------------------------------------------------

/// Queues what Proton wants to send, whole frames behind ours, and notes channels and handles.
void Engine::Impl::pull_lifecycle() {
    pulled.clear();
    lifecycle.pull(pulled);
    if (pulled.empty()) {
        return;
    }
    Bytes rest(pulled);
    while (!rest.empty()) {
        const Scan scan = scan_frame(rest, rest.size());
        AMQMESH_DEBUG_ASSERT(scan.status == ScanStatus::kHeader ||
                             scan.status == ScanStatus::kFrame);
        const bool header = scan.status == ScanStatus::kHeader;
        const std::size_t bytes = header ? kProtocolHeaderBytes : scan.frame.bytes;
        if (!header && scan.frame.type == kFrameTypeAmqp) {
            watch_output(rest.first(bytes));
        }
        if (!header) {
            count_frame_out(rest.first(bytes), 0);
        }
        rest = rest.subspan(bytes);
    }
    out.append(pulled);
    last_sent = now;
}

void Engine::Impl::watch_output(Bytes frame) {
    const std::optional<Body> body = parse_body(frame.subspan(kFrameHeaderBytes));
    if (!body) {
        return;
    }
    AMQMESH_DEBUG_ASSERT((body->descriptor < 0x13 || body->descriptor > 0x15) &&
                         "Proton must not touch these");
    if (body->descriptor == static_cast<unsigned>(Performative::kOpen)) {
        local_open_sent = true;
    } else if (body->descriptor == static_cast<unsigned>(Performative::kBegin)) {
        const std::optional<BeginFrame> begin = decode_begin(*body);
        AMQMESH_DEBUG_ASSERT(begin && opening_session != kNone);
        SessionSlot& session = sessions[opening_session];
        session.local_channel = load_u16(&frame[6]);
        session.flow.local_begun(begin->next_outgoing_id, begin->incoming_window);
    } else if (body->descriptor == static_cast<unsigned>(Performative::kAttach)) {
        const std::optional<AttachFrame> attach = decode_attach(*body);
        AMQMESH_DEBUG_ASSERT(attach && opening_link != kNone);
        links[opening_link].local_handle = attach->handle;
    }
}

/// Commands that were given before our open could go out, in their order.
void Engine::Impl::run_deferred() {
    const std::vector<Deferred> commands = std::exchange(deferred, {});
    for (const Deferred& command : commands) {
        switch (command.kind) {
            case Deferred::Kind::kBegin:
                open_session(command.index);
                break;
            case Deferred::Kind::kAttach:
                open_link(command.index);
                break;
            case Deferred::Kind::kDetach:
                detach(command.index, command.condition, command.closed);
                break;
            case Deferred::Kind::kEnd:
                end(command.index, command.condition);
                break;
        }
    }
}

void Engine::Impl::open_session(SessionIndex index) {
    if (!local_open_sent) {
        deferred.push_back({.kind = Deferred::Kind::kBegin, .index = index, .condition = {}});
        return;
    }
    opening_session = index;
    lifecycle.open_session(sessions[index].proton);
    pull_lifecycle();
    opening_session = kNone;
}

void Engine::Impl::open_link(LinkIndex index) {
    LinkSlot& link = links[index];
    SessionSlot& session = sessions[link.session];
    link.opened = true;
    if (!local_open_sent) {
        deferred.push_back({.kind = Deferred::Kind::kAttach, .index = index, .condition = {}});
        return;
    }
    opening_link = index;
    ProtonLifecycle::open_link(link.proton);
    pull_lifecycle();
    opening_link = kNone;
    if (link.local_handle != kNone && link.local_handle > session.remote_handle_max) {
        // Proton does not look at handle-max. The peer will not like the attach: end it all.
        end(link.session,
            {.name = "amqp:resource-limit-exceeded", .description = "the peer's handle-max"});
        return;
    }
    if (link.flow_due) {
        link.flow_due = false;
        mark_flow(index);
    }
}

void Engine::Impl::accept_attach(LinkIndex index, const Terminus& source, const Terminus& target) {
    LinkSlot& link = links[index];
    if (!link.live() || link.opened || phase != EnginePhase::kRunning) {
        return;  // gone meanwhile
    }
    ProtonLifecycle::accept_link(link.proton, source, target);
    open_link(index);
}

void Engine::Impl::detach(LinkIndex index, const Condition& condition, bool closed) {
    LinkSlot& link = links[index];
    if (!link.live() || phase != EnginePhase::kRunning) {
        return;
    }
    if (!local_open_sent) {
        deferred.push_back({.kind = Deferred::Kind::kDetach,
                            .index = index,
                            .condition = condition,
                            .closed = closed});
        return;
    }
    if (!link.opened) {
        // The peer's attach must be answered before it can be detached (AMQP 2.6.3).
        accept_attach(index, {}, {});
    }
    flush_session(link.session);
    link.local_detached = true;
    ProtonLifecycle::detach_link(link.proton, condition, closed);
    pull_lifecycle();
    link.local_handle = kNone;
    forget_link(index);
}

void Engine::Impl::end(SessionIndex index, const Condition& condition) {
    SessionSlot& session = sessions[index];
    if (!session.live() || phase != EnginePhase::kRunning) {
        return;
    }
    if (!local_open_sent) {
        deferred.push_back({.kind = Deferred::Kind::kEnd, .index = index, .condition = condition});
        return;
    }
    flush_session(index);
    session.local_ended = true;
    ProtonLifecycle::end_session(session.proton, condition);
    pull_lifecycle();
}

void Engine::Impl::close(const Condition& condition, Time at) {
    if (phase != EnginePhase::kRunning) {
        return;
    }
    now = at;  // nothing may have happened here for long
    flush_pending();
    phase = EnginePhase::kClosing;
    close_condition = condition;
    linger_until = now + kCloseLinger;
    if (amqp_header_in || config.initiator) {
        lifecycle.close(condition);
        pull_lifecycle();
    }
}

// -- faults ---------------------------------------------------------------------------------------

void Engine::Impl::fail_link(LinkIndex index, const Condition& condition) {
    detach(index, condition, true);
    link_gone(index);  // an answer may never come
}

void Engine::Impl::fail_session(SessionIndex index, const Condition& condition) {
    end(index, condition);
    links_gone(index);
    SessionSlot& session = sessions[index];
    if (!std::exchange(session.reported, true)) {
        events.on_session_gone(index);
    }
}

void Engine::Impl::fail(const Condition& condition) {
    if (phase >= EnginePhase::kFailed) {
        return;
    }
    if (phase == EnginePhase::kRunning && lifecycle.failure().empty()) {
        flush_pending();
        if (amqp_header_in && remote_open_seen) {
            lifecycle.close(condition);
        } else if (amqp_header_in) {
            lifecycle.open();  // Proton holds a close back until the peer has opened
            pull_lifecycle();
            out.append(encode_close(condition));
        }
    }
    const EnginePhase before = phase;
    phase = amqp_header_in ? EnginePhase::kFailed : EnginePhase::kClosed;
    linger_until = now + kCloseLinger;
    if (amqp_header_in || sasl_layer) {
        pull_lifecycle();
    }
    teardown();
    if (before == EnginePhase::kClosing) {
        events.on_close(close_condition, false);
    } else {
        events.on_close(condition, false);
    }
}

/// All links, then all sessions, are gone.
void Engine::Impl::teardown() {
    deferred.clear();
    for (SessionIndex i = 0; i < sessions.size(); ++i) {
        if (sessions[i].used) {
            links_gone(i);
        }
    }
    for (SessionIndex i = 0; i < sessions.size(); ++i) {
        if (sessions[i].used && !std::exchange(sessions[i].reported, true)) {
            events.on_session_gone(i);
        }
    }
    doomed_links.clear();
    dirty_sessions.clear();
    due_sessions.clear();
}

/// The session is over. What is known of its deliveries goes all at once: link by link would cost
/// links times deliveries.
void Engine::Impl::links_gone(SessionIndex index) {
    SessionSlot& session = sessions[index];
    for (std::size_t i = 0; i < session.links.size(); ++i) {
        LinkSlot& link = links[session.links[i]];
        if (!std::exchange(link.reported, true)) {
            events.on_link_gone(session.links[i]);
        }
        link.in.active = false;
        link.out.active = false;
        link.forgotten = true;
    }
    session.incoming.clear();
    session.outgoing.clear();
    session.unwritten = kNone;
    stream_link = kNone;
}

void Engine::Impl::link_gone(LinkIndex index) {
    LinkSlot& link = links[index];
    if (!link.used || std::exchange(link.reported, true)) {
        return;
    }
    events.on_link_gone(index);
    forget_link(index);
}

// -- slots ----------------------------------------------------------------------------------------

SessionIndex Engine::Impl::new_session() {
    return sessions.add(limits);
}

LinkIndex Engine::Impl::new_link(SessionIndex session_index, Role role, const std::string& name) {
    const LinkIndex index = links.add();
    SessionSlot& session = sessions[session_index];
    LinkSlot& link = links[index];
    link.used = true;
    link.session = session_index;
    link.role = role;
    link.name = link_key(role, name);
    link.position = static_cast<std::uint32_t>(session.links.size());
    session.links.push_back(index);
    session.names.emplace(link.name, index);
    ++links_used;
    return index;
}

/// Drops what is known of the link's deliveries; both ends have given them up.
void Engine::Impl::forget_link(LinkIndex index) {
    LinkSlot& link = links[index];
    if (std::exchange(link.forgotten, true)) {
        return;
    }
    SessionSlot& session = sessions[link.session];
    session.incoming.erase_link(index);
    session.outgoing.erase_link(index);
    link.in.active = false;
    link.out.active = false;
    if (session.unwritten == index) {
        session.unwritten = kNone;
    }
    if (stream_link == index) {
        stream_link = kNone;
    }
}

void Engine::Impl::free_link(LinkIndex index) {
    LinkSlot& link = links[index];
    AMQMESH_DEBUG_ASSERT(link.used);
    forget_link(index);
    SessionSlot& session = sessions[link.session];
    const LinkIndex moved = session.links.back();
    session.links[link.position] = moved;
    links[moved].position = link.position;
    session.links.pop_back();
    const auto named = session.names.find(link.name);
    if (named != session.names.end() && named->second == index) {
        session.names.erase(named);
    }
    if (link.proton != nullptr) {
        ProtonLifecycle::free_link(link.proton);
    }
    link = LinkSlot();
    --links_used;
    links.give_back(index);
}

void Engine::Impl::free_session(SessionIndex index) {
    SessionSlot& session = sessions[index];
    while (!session.links.empty()) {
        link_gone(session.links.back());
        free_link(session.links.back());
    }
    if (session.remote_channel != kNone) {
        by_remote_channel[session.remote_channel] = kNone;
    }
    ProtonLifecycle::free_session(session.proton);
    session = SessionSlot(limits);
    session.used = false;
    sessions.give_back(index);
}

}  // namespace amqmesh::link
