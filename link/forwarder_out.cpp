// The sending half: a copy finds its link, is written when credit allows, and is concluded. [data
// path 7]
#include "link/codec.h"
#include "link/forwarder.h"
#include "link/message_scan.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace amqmesh::link {

namespace {

/// A streaming copy tells its origin's worker of memory given back in steps of this many bytes.
constexpr std::size_t kProgressStep = 32 * 1024;

}  // namespace

void Forwarder::offer(std::uint32_t slot,
                      const Target& target,
                      const ConnectionId& arrival,
                      const Payload& payload) {
    auto& in = plane_.incoming.at(slot);
    const auto copy = static_cast<std::uint32_t>(in.copies.size());
    const bool from_client = arrival.generation == 0;
    const bool crosses =
        (target.kind == Target::Kind::kConsumer || target.kind == Target::Kind::kNeighbour) &&
        target.worker() != plane_.config.worker;
    const bool whole = !in.multicast && !payload.more && payload.bytes.size() <= kKeptMax;
    if (whole && from_client && target.kind == Target::Kind::kNeighbour && !in.label.hint) {
        keep_copy(in, payload.bytes);
        in.egress = target.egress;
    }
    if (crosses) {
        in.copies.push_back({target.worker(), kNoSlot, 0, false});
        Record record;
        record.kind = RecordKind::kOffer;
        record.more = payload.more;
        record.presettled = in.presettled;
        record.second_mode = in.second_mode;
        record.multicast = in.multicast;
        record.choosy = whole && (choice_ || can_go_back(in));
        record.copy = copy;
        record.message_format = in.message_format;
        record.origin = in.self;
        record.target = target;
        record.arrival = arrival;
        record.label = in.label;
        record.since = plane_.now;
        post_copy(target.worker(), record, payload.bytes);
        hold(in, payload.bytes.size());
        return;
    }
    const auto out_slot = plane_.outgoing.take();
    in.copies.push_back(
        {plane_.config.worker, out_slot, plane_.outgoing.generation(out_slot), false});
    new_copy(in, out_slot, copy, arrival);
    place(out_slot, target, payload);
}

void Forwarder::place(std::uint32_t out_slot, const Target& target, const Payload& payload) {
    auto& out = plane_.outgoing.at(out_slot);
    // What is longer than a frame between routers would keep the short ones waiting there.
    out.streaming = out.streaming || payload.more || payload.bytes.size() > ChunkPool::kChunkBytes;
    out.complete = !payload.more;
    out.to_mesh = target.kind == Target::Kind::kNeighbour;
    if (target.kind == Target::Kind::kQueue) {
        keep(out, payload, 0);
        join_queue(out_slot);
        return;
    }
    if (target.kind == Target::Kind::kHeld) {
        out.label.egress = target.egress;
        keep(out, payload, 0);
        join_pin(out_slot);
        return;
    }
    Connection* connection = nullptr;
    LinkIndex index = 0;
    if (out.to_mesh) {
        out.label.egress = target.egress;
        if (out.label.priority == MeshLabel::kPriorityOfHeader) {
            const auto bytes = out.content.empty() ? payload.bytes : out.content.front();
            out.label.priority = priority_class(header_priority(bytes));
        }
        connection = plane_.connection(target.neighbour);
        const auto lane = connection != nullptr ? connection->lane_for(out.label, out.streaming)
                                                : Connection::LaneChoice{};
        index = lane.link;
        connection = lane.found ? connection : nullptr;
    } else if (target.kind == Target::Kind::kConsumer) {
        connection = plane_.connection(target.consumer.connection);
        index = target.consumer.link;
    }
    auto* link = connection != nullptr ? connection->outgoing(index) : nullptr;
    const bool alive =
        link != nullptr && (out.to_mesh || link->generation == target.consumer.generation);
    if (!alive) {
        keep(out, payload, 0);
        // A lost neighbour, or consumers that all turn out to be gone: wait for the next table.
        if (target.kind != Target::Kind::kConsumer || ++out.tries > kAttemptsMax) {
            park(out_slot);
        } else {
            redispatch(out_slot);
        }
        return;
    }
    push(*connection, index, *link, out_slot, payload);
}

void Forwarder::push(Connection& connection,
                     LinkIndex index,
                     OutgoingLink& link,
                     std::uint32_t out_slot,
                     const Payload& payload) {
    auto& out = plane_.outgoing.at(out_slot);
    out.connection = connection.id().slot;
    out.link = index;
    auto& engine = connection.engine();
    out.session = engine.session_of(index);
    if (link.silent && passes_over(link, out)) {
        give_up(out_slot, false);
        return;
    }
    const bool idle = link.waiting.size == 0 && out.content.empty() && link.attached;
    if (idle && send_at_once(connection, index, link, out_slot, payload)) {
        link.stalled = false;
        return;
    }
    if (!idle || !engine.writable(index)) {
        if (link.stalled && out.multicast) {
            give_up(out_slot, false);
            return;
        }
        out.stage = OutgoingDelivery::Stage::kWaiting;
        enqueue(link, out_slot);
        keep(out, payload, 0);
        note_waiting(out_slot);
        if (out.multicast && !out.to_mesh) {
            watch_stall(connection, index, link);
        }
        if (link.attached && link.waiting.size == 1) {
            pump(connection, index);  // content that was kept while it had no link
        } else {
            update_gauge(connection, index, link);
        }
        return;
    }
    start(connection, index, link, out_slot);
    Engine::Written written;
    if (!payload.bytes.empty() || !payload.more) {
        written = engine.write_delivery(index, payload.bytes, payload.owner, payload.more);
    }
    plane_.touch(connection);
    if (written.complete && !payload.more) {
        finish_sending(connection, index, link, out_slot);
        return;
    }
    append(link.waiting, out_slot);
    keep(out, payload, written.bytes);
    if (out.multicast && !out.to_mesh) {
        watch_stall(connection, index, link);
    }
    consumed(out, written.bytes);
    update_gauge(connection, index, link);
}

bool Forwarder::sends_settled(const OutgoingLink& link, const OutgoingDelivery& out) {
    return !out.to_mesh && (link.settle_mode == SenderSettleMode::kSettled
                                ? !probes(link, out)
                                : out.presettled && link.settle_mode == SenderSettleMode::kMixed);
}

std::span<const std::byte> Forwarder::tag_of(const OutgoingLink& link,
                                             const OutgoingDelivery& out,
                                             TagBytes& bytes) {
    if (out.to_mesh) {
        bytes = out.label.encode();
        return bytes;
    }
    // Four bytes are enough while the window of unsettled deliveries is below 2^32.
    store_u32(bytes.data(), link.tag);
    return std::span<const std::byte>(bytes).first(4);
}

void Forwarder::started(OutgoingLink& link, OutgoingDelivery& out) {
    ++link.tag;
    out.stage = OutgoingDelivery::Stage::kSending;
    ++link.counters.deliveries;
    link.counters.presettled += out.send_settled ? 1U : 0U;
    if (!out.to_mesh) {
        ++plane_.counters.egress;
        if (link.address_counters == nullptr) {
            link.address_counters = &plane_.address_counters(
                is_temporary(link.key) ? Plane::kSharedCounters : out.label.address);
        }
        ++link.address_counters->egress;
        if (out.arrival.generation != 0) {
            link.origins.count(out.label.ingress);
        }
    }
}

void Forwarder::start(Connection& connection,
                      LinkIndex index,
                      OutgoingLink& link,
                      std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    OutboundDelivery delivery;
    TagBytes tag;
    delivery.tag = tag_of(link, out, tag);
    delivery.message_format = out.message_format;
    delivery.settled = out.send_settled = sends_settled(link, out);
    delivery.context = pack_context(out_slot, plane_.outgoing.generation(out_slot));
    out.delivery_id = connection.engine().start_delivery(index, delivery);
    connection.delivery_sent(plane_.now);
    started(link, out);
}

bool Forwarder::send_at_once(Connection& connection,
                             LinkIndex index,
                             OutgoingLink& link,
                             std::uint32_t out_slot,
                             const Payload& payload) {
    if (payload.more) {
        return false;
    }
    auto& out = plane_.outgoing.at(out_slot);
    WholeDelivery delivery;
    TagBytes tag;
    delivery.tag = tag_of(link, out, tag);
    delivery.message_format = out.message_format;
    delivery.settled = out.send_settled = sends_settled(link, out);
    delivery.context = pack_context(out_slot, plane_.outgoing.generation(out_slot));
    delivery.payload = payload.bytes;
    const auto id = connection.engine().send_whole(index, delivery);
    if (!id) {
        return false;
    }
    out.delivery_id = *id;
    connection.delivery_sent(plane_.now);
    started(link, out);
    plane_.touch(connection);
    finish_sending(connection, index, link, out_slot);
    return true;
}

void Forwarder::finish_sending(Connection& connection,
                               LinkIndex index,
                               OutgoingLink& link,
                               std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    if (out.send_settled) {
        count_left(link, out);
        conclude(out_slot,
                 link.silent && !out.presettled ? modified_failed()
                                                : DeliveryState{Outcome::kAccepted, {}});
    } else {
        out.stage = OutgoingDelivery::Stage::kSent;
        append(link.sent, out_slot);
        if (link.sent.size == kUnansweredMax && out.multicast) {
            watch_silence(out);
        }
    }
    update_gauge(connection, index, link);
}

void Forwarder::keep(OutgoingDelivery& out, const Payload& payload, std::size_t already) {
    const auto rest = payload.bytes.subspan(already);
    out.content.append(rest, payload.owner);
    plane_.budget.held += rest.size();
    if (out.origin.worker == plane_.config.worker) {
        if (auto* in = plane_.incoming.find(out.origin.slot, out.origin.generation)) {
            hold(*in, rest.size());
        }
    }
}

void Forwarder::consumed(OutgoingDelivery& out, std::size_t bytes) {
    if (out.origin.worker == plane_.config.worker) {
        return;  // what never waited was never held; pump() gives back the rest
    }
    out.progress += static_cast<std::uint32_t>(bytes);
    if (out.streaming && (out.progress >= kProgressStep || out.content.empty()) &&
        out.progress != 0) {
        auto record = record_for(RecordKind::kProgress, out);
        record.bytes = out.progress;
        out.progress = 0;
        post(out.origin.worker, record, {});
    }
}

void Forwarder::extend(std::uint32_t out_slot, const Payload& payload) {
    auto& out = plane_.outgoing.at(out_slot);
    out.complete = !payload.more;
    auto* connection =
        out.stage == OutgoingDelivery::Stage::kParked
            ? nullptr
            : plane_.connection(out.connection, plane_.connections.generation(out.connection));
    auto* link = connection != nullptr ? connection->outgoing(out.link) : nullptr;
    if (link == nullptr || link->waiting.head != out_slot ||
        out.stage != OutgoingDelivery::Stage::kSending || !out.content.empty() ||
        !connection->engine().writable(out.link)) {
        keep(out, payload, 0);
        if (link != nullptr && link->waiting.head == out_slot) {
            pump(*connection, out.link);
        }
        return;
    }
    if (payload.bytes.empty() && payload.more) {
        return;
    }
    const auto index = out.link;
    const auto written =
        connection->engine().write_delivery(index, payload.bytes, payload.owner, payload.more);
    plane_.touch(*connection);
    link->moved_at = plane_.now;
    if (written.complete && !payload.more) {
        remove(link->waiting, out_slot);
        finish_sending(*connection, index, *link, out_slot);
        pump(*connection, index);
        return;
    }
    keep(out, payload, written.bytes);
    consumed(out, written.bytes);
}

void Forwarder::pump(Connection& connection, LinkIndex index) {
    auto* link = connection.outgoing(index);
    if (link == nullptr || !link->attached) {
        return;
    }
    auto& engine = connection.engine();
    link->stalled = link->stalled && !engine.writable(index);
    while (link->waiting.head != kNoSlot && engine.writable(index)) {
        const auto out_slot = link->waiting.head;
        auto& out = plane_.outgoing.at(out_slot);
        if (out.stage == OutgoingDelivery::Stage::kWaiting) {
            if (!take_off_ttl(out)) {
                dequeue(*link, out_slot);
                expire(out_slot);
                continue;
            }
            leave_priority(*link, out_slot);
            start(connection, index, *link, out_slot);
        }
        if (out.content.empty() && !out.complete) {
            break;
        }
        const bool last = out.complete && out.content.single();
        const auto written =
            engine.write_delivery(index, out.content.front(), out.content.front_owner(), !last);
        plane_.touch(connection);
        if (written.bytes != 0) {
            link->moved_at = plane_.now;
        }
        out.content.consume(written.bytes);
        plane_.budget.held -= written.bytes;
        if (out.origin.worker == plane_.config.worker) {
            if (auto* in = plane_.incoming.find(out.origin.slot, out.origin.generation)) {
                unhold(*in, written.bytes);
            }
        }
        consumed(out, written.bytes);
        if (!written.complete) {
            break;
        }
        if (last) {
            remove(link->waiting, out_slot);
            finish_sending(connection, index, *link, out_slot);
        }
    }
    if (link->drain && link->waiting.size == 0) {
        on_drain(connection, index, *link);
    }
    update_gauge(connection, index, *link);
}

void Forwarder::update_gauge(Connection& connection, LinkIndex index, OutgoingLink& link) {
    const auto credit = static_cast<std::int64_t>(connection.engine().send_credit(index));
    if (credit > 0) {
        link.zero_credit_since = 0;
    } else if (link.zero_credit_since == 0) {
        link.zero_credit_since = plane_.now;
    }
    if (link.gauge == 0) {
        return;
    }
    const auto free = std::min<std::int64_t>(credit, INT32_MAX) - link.waiting.size;
    auto& gauges = plane_.shared->gauges;
    const bool was_free = gauges.get(link.gauge).free > 0;
    gauges.set(link.gauge, {static_cast<std::int32_t>(free), link.waiting.size + link.sent.size});
    if (free > 0 && !was_free) {
        note_free(link.hash);
    }
}

void Forwarder::on_consumer_disposition(Connection& connection,
                                        std::uint64_t context,
                                        const DeliveryState& state,
                                        bool settled) {
    const auto slot = context_slot(context);
    auto* out = plane_.outgoing.find(slot, context_generation(context));
    if (out == nullptr || out->stage == OutgoingDelivery::Stage::kParked ||
        (settled && settle_straight(connection, slot, *out, state))) {
        return;
    }
    if (!settled) {
        const bool terminal =
            state.outcome != Outcome::kNone && state.outcome != Outcome::kReceived;
        if (!terminal || out->told_upstream) {
            return;  // an outcome stands once it was passed on
        }
        if (out->second_mode && !out->multicast && !out->to_mesh) {
            out->told_upstream = true;
            tell_origin(*out, state, false);
            return;
        }
        if (out->stage == OutgoingDelivery::Stage::kSending) {
            return;  // the consumer has made up its mind early; its settlement will follow
        }
        settle_downstream(*out);
    }
    const auto index = out->link;
    if (auto* link = connection.outgoing(index)) {
        link->counters.count(state.outcome);
        count_left(*link, *out);
        if (out->stage == OutgoingDelivery::Stage::kSending) {
            // Settled before the last frame: the rest is of no use to anyone.
            connection.engine().abort_delivery(index);
            remove(link->waiting, slot);
            conclude(slot, state);
            pump(connection, index);
            return;
        }
        remove(link->sent, slot);
        conclude(slot, state);
        update_gauge(connection, index, *link);
        return;
    }
    conclude(slot, state);
}

void Forwarder::settle_downstream(OutgoingDelivery& out) {
    auto* connection =
        plane_.connection(out.connection, plane_.connections.generation(out.connection));
    if (connection != nullptr) {
        connection->engine().settle_outgoing(out.session, out.delivery_id, {});
        plane_.touch(*connection);
    }
}

void Forwarder::abort_copy(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    if (out.stage == OutgoingDelivery::Stage::kParked) {
        leave_parked(out_slot);
        free_outgoing(out_slot);
        return;
    }
    if (out.stage == OutgoingDelivery::Stage::kQueued) {
        leave_queue(out_slot);
        free_outgoing(out_slot);
        return;
    }
    auto* connection =
        plane_.connection(out.connection, plane_.connections.generation(out.connection));
    auto* link = connection != nullptr ? connection->outgoing(out.link) : nullptr;
    if (link == nullptr) {
        free_outgoing(out_slot);
        return;
    }
    const auto index = out.link;
    const bool begun = out.stage == OutgoingDelivery::Stage::kSending;
    link->counters.ages.stuck -= std::exchange(out.stuck, false) ? 1U : 0U;
    if (out.stage == OutgoingDelivery::Stage::kSent) {
        remove(link->sent, out_slot);
        settle_downstream(out);
    } else {
        dequeue(*link, out_slot);
    }
    if (begun) {
        connection->engine().abort_delivery(index);
        plane_.touch(*connection);
    }
    free_outgoing(out_slot);
    pump(*connection, index);
}

void Forwarder::on_outgoing_gone(Connection& connection, LinkIndex index, OutgoingLink& link) {
    // Detach the lists first: what is redispatched must not find this link again.
    const auto waiting = std::exchange(link.waiting, {});
    const auto sent = std::exchange(link.sent, {});
    link.attached = false;
    if (link.gauge != 0) {
        plane_.shared->gauges.give_back(std::exchange(link.gauge, 0));
    }
    std::uint32_t next = kNoSlot;
    for (auto slot = sent.head; slot != kNoSlot; slot = next) {
        next = plane_.outgoing.at(slot).next;
        conclude(slot, modified_failed());
    }
    for (auto slot = waiting.head; slot != kNoSlot; slot = next) {
        auto& out = plane_.outgoing.at(slot);
        next = out.next;
        if (out.stage == OutgoingDelivery::Stage::kSending) {
            conclude(slot, modified_failed());
        } else {
            redispatch(slot);
        }
    }
    (void)connection;
    (void)index;
}

void Forwarder::conclude(std::uint32_t out_slot, const DeliveryState& state) {
    auto& out = plane_.outgoing.at(out_slot);
    if (out.multicast && out.presettled && !out.to_mesh && state.outcome != Outcome::kAccepted) {
        ++plane_.counters.dropped_presettled;
    }
    tell_origin(out, state, true);
    free_outgoing(out_slot);
}

void Forwarder::tell_origin(const OutgoingDelivery& out, const DeliveryState& state, bool final) {
    const auto consumer = state.outcome == Outcome::kReleased ? consumer_of(out) : ConsumerId{};
    if (out.origin.worker == plane_.config.worker) {
        on_copy_outcome(out.origin, out.copy, state, final, consumer);
        return;
    }
    auto record = record_for(RecordKind::kOutcome, out);
    record.target.consumer = consumer;
    record.outcome = state.outcome;
    record.settled = final;
    if (final && out.streaming) {
        record.bytes = out.progress + static_cast<std::uint32_t>(out.content.size());
    }
    post(out.origin.worker, record, state.raw);
}

void Forwarder::free_outgoing(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    if (out.origin.worker != plane_.config.worker) {
        remote_.erase({out.origin, out.copy});
    } else if (out.multicast && !out.content.empty()) {
        // The other copies go on: what this one did not send must not stop them.
        if (auto* in = plane_.incoming.find(out.origin.slot, out.origin.generation)) {
            unhold(*in, out.content.size());
        }
    }
    plane_.budget.held -= out.content.size();
    out.content.clear();
    plane_.outgoing.give_back(out_slot);
}

}  // namespace amqmesh::link
