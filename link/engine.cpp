// The public face: checks what the caller promised and hands on to Engine::Impl.
#include "link/engine.h"

#include "link/assert.h"
#include "link/engine_impl.h"

#include <algorithm>

namespace amqmesh::link {

Engine::Impl::Impl(EngineConfig config_in, EngineEvents& events_in, ChunkPool& pool_in, Time now_in)
    : config(std::move(config_in)),
      events(events_in),
      pool(pool_in),
      limits{.frame_bytes_max = config.max_frame_size,
             .held_bytes_max = config.session_bytes_max,
             .connection = &budget,
             .process = config.process_budget},
      budget{.max = config.connection_bytes_max},
      lifecycle(config, SessionFlow::initial_window(limits)),
      out(pool_in),
      now(now_in),
      created(now_in),
      last_received(now_in),
      last_sent(now_in) {
    AMQMESH_DEBUG_ASSERT(config.max_frame_size >= 512);
    if (config.initiator) {
        lifecycle.open();
        pull_lifecycle();
    }
}

Engine::Engine(EngineConfig config, EngineEvents& events, ChunkPool& pool, Time now)
    : impl_(std::make_unique<Impl>(std::move(config), events, pool, now)) {}

Engine::~Engine() {
    AMQMESH_DEBUG_ASSERT(!impl_->in_events && "destroyed by its own handler");
}

std::span<std::byte> Engine::input_space() {
    AMQMESH_DEBUG_ASSERT(!input_ended());
    return impl_->input_space();
}

void Engine::input_done(std::size_t count, Time now) {
    AMQMESH_DEBUG_ASSERT(!impl_->in_events);
    impl_->input_done(count, now);
}

void Engine::input_closed(std::string_view why, Time now) {
    AMQMESH_DEBUG_ASSERT(!impl_->in_events);
    impl_->input_closed(why, now);
}

bool Engine::input_ended() const {
    return impl_->phase == EnginePhase::kClosed;
}

std::size_t Engine::output(std::span<iovec> slices) {
    return impl_->output(slices);
}

void Engine::output_done(std::size_t bytes) {
    impl_->output_done(bytes);
}

bool Engine::has_output() const {
    return !impl_->out.empty() || !impl_->dirty_sessions.empty();
}

std::size_t Engine::output_bytes() const {
    return impl_->out.bytes();
}

bool Engine::finished() const {
    return impl_->phase == EnginePhase::kClosed &&
           (impl_->out.empty() || impl_->eof || impl_->expired);
}

std::optional<Time> Engine::tick(Time now) {
    AMQMESH_DEBUG_ASSERT(!impl_->in_events);
    return impl_->tick(now);
}

Time Engine::last_received() const {
    return impl_->last_received;
}

void Engine::close(const Condition& condition, Time now) {
    impl_->close(condition, now);
}

SessionIndex Engine::begin() {
    Impl& impl = *impl_;
    const SessionIndex index = impl.new_session();
    SessionSlot& session = impl.sessions[index];
    session.proton = impl.lifecycle.new_session();
    ProtonLifecycle::set_slot(session.proton, index);
    if (impl.phase == EnginePhase::kRunning) {
        impl.open_session(index);
    }
    return index;
}

LinkIndex Engine::attach(SessionIndex session, const AttachOptions& options) {
    Impl& impl = *impl_;
    AMQMESH_DEBUG_ASSERT(session < impl.sessions.size() && impl.sessions[session].used);
    const LinkIndex index = impl.new_link(session, options.role, options.name);
    if (!impl.sessions[session].live() || impl.phase != EnginePhase::kRunning) {
        impl.doomed_links.push_back(index);
        return index;
    }
    LinkSlot& link = impl.links[index];
    link.proton = ProtonLifecycle::new_link(impl.sessions[session].proton, options);
    ProtonLifecycle::set_slot(link.proton, index);
    impl.open_link(index);
    return index;
}

void Engine::accept_attach(LinkIndex link, const Terminus& source, const Terminus& target) {
    impl_->accept_attach(link, source, target);
}

void Engine::refuse_attach(LinkIndex link, const Condition& condition) {
    impl_->accept_attach(link, {}, {});
    impl_->detach(link, condition, true);
}

void Engine::detach(LinkIndex link, const Condition& condition, bool closed) {
    impl_->detach(link, condition, closed);
}

void Engine::end(SessionIndex session, const Condition& condition) {
    impl_->end(session, condition);
}

void Engine::set_credit(LinkIndex index, std::uint32_t credit, bool drain) {
    LinkSlot& link = impl_->links[index];
    if (!link.live()) {
        return;
    }
    AMQMESH_DEBUG_ASSERT(link.role == Role::kReceiver);
    link.receiver.set(credit, drain);
    impl_->mark_flow(index);
}

std::uint32_t Engine::credit(LinkIndex link) const {
    return impl_->links[link].receiver.credit();
}

void Engine::dispose(SessionIndex index,
                     std::uint32_t delivery_id,
                     const DeliveryState& state,
                     bool settled) {
    SessionSlot& session = impl_->sessions[index];
    if (!session.live()) {
        return;
    }
    if (!session.incoming.look_up(delivery_id, settled)) {
        return;  // the sender has settled meanwhile
    }
    session.as_receiver.add(delivery_id, state, settled);
    if (session.as_receiver.full()) {
        impl_->flush_session(index);
    } else {
        impl_->mark_dirty(index);
    }
}

void Engine::hold(SessionIndex session, std::size_t bytes) {
    impl_->sessions[session].flow.hold(bytes);
    impl_->budget.held += bytes;
}

void Engine::unhold(SessionIndex index, std::size_t bytes) {
    SessionSlot& session = impl_->sessions[index];
    session.flow.unhold(bytes);
    const bool was_tight = impl_->budget.tight();
    impl_->budget.held -= std::min(bytes, impl_->budget.held);
    if (was_tight && !impl_->budget.tight()) {
        renew_windows();
        return;
    }
    if (session.live() && !session.flow_due && session.flow.renewal_due()) {
        session.flow_due = true;
        impl_->mark_dirty(index);
    }
}

void Engine::renew_windows() {
    for (SessionIndex index = 0; index < impl_->sessions.size(); ++index) {
        SessionSlot& session = impl_->sessions[index];
        if (session.live() && !session.flow_due && session.flow.renewal_due()) {
            session.flow_due = true;
            impl_->mark_dirty(index);
        }
    }
}

bool Engine::writable(LinkIndex link) const {
    return impl_->writable(link);
}

std::uint32_t Engine::send_credit(LinkIndex link) const {
    return impl_->links[link].sender.credit();
}

std::uint32_t Engine::start_delivery(LinkIndex link, const OutboundDelivery& delivery) {
    return impl_->start_delivery(link, delivery);
}

Engine::Written Engine::write_delivery(LinkIndex link,
                                       std::span<const std::byte> payload,
                                       const ChunkRef* owner,
                                       bool more) {
    return impl_->write_delivery(link, payload, owner, more);
}

std::optional<std::uint32_t> Engine::send_whole(LinkIndex link, const WholeDelivery& delivery) {
    return impl_->send_whole(link, delivery);
}

void Engine::abort_delivery(LinkIndex link) {
    impl_->abort_delivery(link);
}

void Engine::settle_outgoing(SessionIndex index,
                             std::uint32_t delivery_id,
                             const DeliveryState& state) {
    SessionSlot& session = impl_->sessions[index];
    if (!session.live() || !session.outgoing.erase(delivery_id)) {
        return;
    }
    session.as_sender.add(delivery_id, state, true);
    if (session.as_sender.full()) {
        impl_->flush_session(index);
    } else {
        impl_->mark_dirty(index);
    }
    if (session.outgoing_full &&
        session.outgoing.size() < impl_->config.outgoing_unsettled_max / 4 * 3) {
        session.outgoing_full = false;
        session.writable_due = true;
        impl_->due_sessions.push_back(index);
    }
}

void Engine::drained(LinkIndex index) {
    LinkSlot& link = impl_->links[index];
    if (link.live() && link.role == Role::kSender && link.sender.drained()) {
        impl_->mark_flow(index);
    }
}

SessionIndex Engine::session_of(LinkIndex link) const {
    return impl_->links[link].session;
}

std::span<const LinkIndex> Engine::links_of(SessionIndex session) const {
    return impl_->sessions[session].links;
}

std::uint32_t Engine::remote_max_frame_size() const {
    return impl_->remote.max_frame_size;
}

bool Engine::open() const {
    return impl_->phase == EnginePhase::kRunning && impl_->remote_open_seen &&
           impl_->local_open_sent;
}

const Engine::Counters& Engine::counters() const {
    return impl_->counters;
}

void Engine::set_trace(std::function<void(std::string_view)> trace) {
    impl_->trace = std::move(trace);
}

}  // namespace amqmesh::link
