// What goes out: flows and dispositions gathered since the last output, and the timers.
// [data path 8]
#include "link/assert.h"
#include "link/engine_impl.h"

#include <algorithm>

namespace amqmesh::link {

namespace {

constexpr std::uint32_t kOutgoingWindow = 0x7fffffffU;  ///< bounded by the peer's window instead
/// A timer that comes later than this tells of a machine that was paused or a process that was
/// stopped: nobody could be heard, so silence begins anew.
constexpr Time kOverslept = 1 * routing::kSecond;
/// The shortest interval at which we send heartbeats, whatever the peer asks for.
constexpr Time kHeartbeatMin = 5 * routing::kMillisecond;

/// Up to a tenth more or less, other ones after each frame, so that the heartbeats of many
/// connections do not fall into step (ROUTING 1.9).
Time jittered(Time interval, Time last_sent) {
    const Time tenth = interval / 10;
    const std::uint64_t mixed = (last_sent + 1) * 0x9e3779b97f4a7c15ULL;
    return interval - tenth + (mixed >> 32U) % (2 * tenth + 1);
}

}  // namespace

void Engine::Impl::mark_dirty(SessionIndex index) {
    SessionSlot& session = sessions[index];
    if (!std::exchange(session.dirty, true)) {
        dirty_sessions.push_back(index);
    }
}

void Engine::Impl::mark_flow(LinkIndex index) {
    LinkSlot& link = links[index];
    if (std::exchange(link.flow_due, true) || link.local_handle == kNone) {
        return;  // queued already, or as soon as the attach is out
    }
    sessions[link.session].flow_links.push_back(index);
    mark_dirty(link.session);
}

void Engine::Impl::count_frame_out(Bytes frame, std::size_t payload_bytes) {
    ++counters.frames_out;
    last_sent = now;
    if (trace) {
        trace_frame(true, frame, payload_bytes);
    }
}

void Engine::Impl::note_output_full() {
    output_full = output_full || out.bytes() >= config.output_bytes_max;
}

void Engine::Impl::flush_pending() {
    for (std::size_t i = 0; i < dirty_sessions.size(); ++i) {
        flush_session(dirty_sessions[i]);
    }
    dirty_sessions.clear();
}

void Engine::Impl::flush_session(SessionIndex index) {
    SessionSlot& session = sessions[index];
    session.dirty = false;
    if (!session.live() || session.local_channel == kNone || phase != EnginePhase::kRunning) {
        session.flow_links.clear();
        return;
    }
    flush_dispositions(session, session.as_receiver, Role::kReceiver);
    flush_dispositions(session, session.as_sender, Role::kSender);
    for (std::size_t i = 0; i < session.flow_links.size(); ++i) {
        const LinkIndex link_index = session.flow_links[i];
        LinkSlot& link = links[link_index];
        if (link.used && link.flow_due && &sessions[link.session] == &session && link.live()) {
            link.flow_due = false;
            emit_flow(session, link_index);
        }
    }
    session.flow_links.clear();
    if (session.flow_due) {
        emit_flow(session, kNone);
    }
}

void Engine::Impl::flush_dispositions(SessionSlot& session, DispositionRanges& ranges, Role role) {
    if (ranges.empty()) {
        return;
    }
    ranges.prepare();
    for (std::size_t i = 0; i < ranges.count(); ++i) {
        DispositionFrame frame = ranges.frame(i);
        frame.role = role;
        const std::size_t limit =
            std::min<std::size_t>(remote.max_frame_size, kFrameBytesOutMax) - kDispositionBytesMax;
        if (frame.state.raw.size() > limit) {
            frame.state.raw = {};  // the outcome without its details still settles
            if (frame.state.outcome == Outcome::kOther) {
                frame.state.outcome = Outcome::kReleased;
            }
        }
        std::byte* at = out.reserve(kDispositionBytesMax + frame.state.raw.size());
        const std::size_t bytes =
            encode(at, static_cast<std::uint16_t>(session.local_channel), frame);
        const Bytes shown{at, bytes};
        out.commit(bytes);
        count_frame_out(shown, 0);
    }
    ranges.clear();
}

/// A flow of the link, or of the session alone with kNone. Every flow tells the session's state, so
/// the window is opened here as far as memory allows.
void Engine::Impl::emit_flow(SessionSlot& session, LinkIndex link_index) {
    session.flow.renew();
    session.flow_due = false;
    FlowFrame flow;
    flow.next_incoming_id = session.flow.next_incoming_id();
    flow.incoming_window = session.flow.incoming_window();
    flow.next_outgoing_id = session.flow.next_outgoing_id();
    flow.outgoing_window = kOutgoingWindow;
    if (link_index != kNone) {
        const LinkSlot& link = links[link_index];
        flow.handle = link.local_handle;
        if (link.role == Role::kReceiver) {
            flow.delivery_count = link.receiver.delivery_count();
            flow.link_credit = link.receiver.credit();
            flow.drain = link.receiver.drain();
        } else {
            flow.delivery_count = link.sender.delivery_count();
            flow.link_credit = link.sender.credit();
            flow.available = 0;
            flow.drain = link.sender.drain();
        }
    }
    std::byte* at = out.reserve(kFlowBytesMax);
    const std::size_t bytes = encode(at, static_cast<std::uint16_t>(session.local_channel), flow);
    const Bytes shown{at, bytes};
    out.commit(bytes);
    count_frame_out(shown, 0);
}

std::size_t Engine::Impl::output(std::span<iovec> slices) {
    flush_pending();
    return out.fill(slices);
}

void Engine::Impl::output_done(std::size_t bytes) {
    counters.bytes_out += bytes;
    out.pop(bytes);
    if (output_full && out.bytes() < config.output_bytes_max / 2) {
        output_full = false;
        if (phase == EnginePhase::kRunning) {
            events.on_output_writable();
        }
    }
}

/// One timer for everything: handshake limit, silence, heartbeats, linger.
std::optional<Time> Engine::Impl::tick(Time at) {
    now = at;
    in_events = true;
    raise_due_events();
    if (tick_due && now > *tick_due + kOverslept) {
        resumed = now;
    }
    std::optional<Time> next;
    const auto wake = [&next](Time when) { next = next ? std::min(*next, when) : when; };

    if (phase == EnginePhase::kRunning && !remote_open_seen && config.handshake_timeout_ms > 0) {
        const Time limit = created + config.handshake_timeout_ms * routing::kMillisecond;
        if (now >= limit) {
            fail(
                {.name = "amqp:connection:forced", .description = "no open within the time limit"});
        } else {
            wake(limit);
        }
    }
    if (phase == EnginePhase::kRunning && remote_open_seen && config.idle_timeout_ms > 0) {
        const Time limit =
            std::max(last_received, resumed) + config.idle_timeout_ms * routing::kMillisecond;
        if (now >= limit) {
            fail({.name = "amqp:resource-limit-exceeded",
                  .description = "local-idle-timeout expired"});
        } else {
            wake(limit);
        }
    }
    if (phase == EnginePhase::kRunning && local_open_sent) {
        Time interval = jittered(config.heartbeat_ms * routing::kMillisecond, last_sent);
        if (remote.idle_timeout_ms > 0) {
            const Time demanded = remote.idle_timeout_ms * routing::kMillisecond / 2;
            interval = interval == 0 ? demanded : std::min(interval, demanded);
        }
        if (interval > 0) {
            interval = std::max(interval, kHeartbeatMin);
            // What waits to be written is a sign of life as good; a peer that does not read gets no
            // heap of them.
            if (now >= last_sent + interval && out.empty()) {
                std::byte* frame_at = out.reserve(kFrameHeaderBytes);
                const Bytes shown{frame_at, encode_empty(frame_at)};
                out.commit(shown.size());
                count_frame_out(shown, 0);
            }
            wake((last_sent + interval > now ? last_sent : now) + interval);
        }
    }
    if (phase != EnginePhase::kRunning && !expired) {
        if (now < linger_until) {
            wake(linger_until);
        } else {
            expired = true;
            out.clear();
            if (std::exchange(phase, EnginePhase::kClosed) == EnginePhase::kClosing) {
                teardown();
                events.on_close(close_condition, false);
            }
        }
    }
    if (in_chunk && in_chunk.get()->references == 1) {
        rest_input();  // kept to be filled up, but nobody shares it any more
    }
    in_events = false;
    tick_due = next;
    return next;
}

}  // namespace amqmesh::link
