// Another way or another consumer for copies that were not sent: at once, or when there is one.
#include "link/forwarder.h"

#include <algorithm>
#include <utility>

namespace amqmesh::link {

void Forwarder::redispatch(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    out.stuck = false;  // its link is gone: the next one counts it again
    if (!out.multicast && !out.second_mode && !out.label.hint &&
        out.origin.worker != plane_.config.worker && out.complete &&
        out.content.size() <= kKeptMax) {
        // Who has released it is known where it came in, and must be there: whom it goes to next.
        const auto content = out.content.joined();
        auto record = record_for(RecordKind::kOffer, out);
        record.settled = true;
        send_back(record, std::as_bytes(std::span(content)));
        free_outgoing(out_slot);
        return;
    }
    const auto target = out.multicast ? Target{} : choose_again(out);
    if (out.complete && target.kind != Target::Kind::kNone && none_free_ && choice_) {
        join_queue(out_slot);
        return;
    }
    go_on(out_slot, target);
}

bool Forwarder::in_mesh() const {
    return plane_.table->topology()->ids.size() > 1;
}

bool Forwarder::consumer_may_come(const IncomingDelivery& in) {
    Connection* connection = nullptr;
    const auto* link = link_of(in, connection);
    return link != nullptr && link->purpose == LinkPurpose::kEndpoint && link->router == 0 &&
           link->treatment != routing::Treatment::kMulticast && in_mesh();
}

void Forwarder::go_on(std::uint32_t out_slot, const Target& target) {
    auto& out = plane_.outgoing.at(out_slot);
    if (target.kind == Target::Kind::kNone || target.kind == Target::Kind::kInProcess) {
        const bool way_may_come =
            !out.multicast && (out.label.egress != 0 || out.avoid != 0 || in_mesh());
        if (way_may_come) {
            park(out_slot);
        } else {
            conclude(out_slot, unreached());
        }
        return;
    }
    const bool origin_here = out.origin.worker == plane_.config.worker;
    auto* in = origin_here ? plane_.incoming.find(out.origin.slot, out.origin.generation) : nullptr;
    const bool crosses = target.worker() != plane_.config.worker;
    const bool whole = out.complete && out.content.size() <= kKeptMax;
    if (in != nullptr && whole && target.kind == Target::Kind::kNeighbour &&
        out.arrival.generation == 0) {
        if (!in->kept) {
            const auto all = out.content.joined();
            keep_copy(*in, std::as_bytes(std::span(all)));
            in->kept_since = out.waiting_since == 0 ? plane_.now : out.waiting_since;
        }
        in->egress = target.egress;
    }
    if (!crosses) {
        const Payload nothing{{}, nullptr, !out.complete};
        place(out_slot, target, nothing);
        return;
    }
    if (!out.complete || (out.second_mode && !origin_here)) {
        // More will be said to the copy, by a worker that does not know where it went.
        conclude(out_slot, unreached());
        return;
    }
    const auto content = out.content.joined();
    auto record = record_for(RecordKind::kOffer, out);
    record.target = target;
    record.choosy = whole && choice_ && target.kind == Target::Kind::kConsumer;
    if (in != nullptr) {
        in->copies[out.copy].worker = target.worker();
        in->copies[out.copy].slot = kNoSlot;
    }
    post(target.worker(), record, std::as_bytes(std::span(content)));
    free_outgoing(out_slot);
}

void Forwarder::retry(std::uint32_t slot) {
    auto& in = plane_.incoming.at(slot);
    ++in.attempts;
    const auto out_slot = plane_.outgoing.take();
    auto& out = plane_.outgoing.at(out_slot);
    out.reset();
    out.begun = plane_.now;
    out.origin = in.self;
    out.presettled = in.presettled;
    out.complete = true;
    out.message_format = in.message_format;
    out.label = in.label;
    out.avoid = std::exchange(in.egress, 0);
    if (in.label.ingress != plane_.table->self()) {
        out.arrival = {plane_.config.worker, in.connection, in.connection_generation};
    }
    out.waiting_since = in.kept_since;
    out.content.append(std::as_bytes(std::span(in.collected)), nullptr);
    plane_.budget.held += in.collected.size();
    in.copies.clear();
    in.copies.push_back(
        {plane_.config.worker, out_slot, plane_.outgoing.generation(out_slot), false});
    in.copies_open = 1;
    redispatch(out_slot);
}

void Forwarder::keep_copy(IncomingDelivery& in, std::span<const std::byte> bytes) {
    plane_.budget.held += bytes.size() - (in.kept ? in.collected.size() : 0);
    in.collected.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    in.kept = true;
    in.kept_since = plane_.now;
}

void Forwarder::park(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    if (parked_.size >= kParkedMax) {
        conclude(out_slot, unreached());
        return;
    }
    out.stage = OutgoingDelivery::Stage::kParked;
    note_waiting(out_slot);
    if (out.parked_until == 0) {
        out.parked_until = plane_.now + kParkTime;
        const bool passes = out.arrival.generation != 0 && out.label.egress != plane_.table->self();
        out.news_until = passes ? plane_.now + routing::kNewsTime : 0;
    }
    append(parked_, out_slot);
}

void Forwarder::on_table_changed(const routing::ForwardingTable* before) {
    if (plane_.shared->unanswered.load() != 0) {
        Record record;
        record.kind = RecordKind::kTable;
        record.copy = plane_.config.worker;
        record.since = plane_.table->generation();
        for (std::uint16_t worker = 0; worker < plane_.config.workers; ++worker) {
            if (worker != plane_.config.worker) {
                post(worker, record, {});
            }
        }
        plane_.unanswered.on_table(plane_);
    }
    if (std::exchange(graph_, plane_.table->topology()->digest) != graph_) {
        graph_changed_at_ = plane_.now;
    }
    outstanding_.sweep();
    if (before != nullptr) {
        pin_flows(*before);
    }
    auto parked = std::exchange(parked_, {});
    if (!pins_.empty()) {
        parked = join_pins(parked);
    }
    std::uint32_t following = kNoSlot;
    for (auto slot = parked.head; slot != kNoSlot; slot = following) {
        auto& out = plane_.outgoing.at(slot);
        following = out.next;
        out.avoid = 0;
        out.tries = 0;
        redispatch(slot);
    }
    for (const auto address : demand_.tidy(plane_.now)) {
        look_at(address);
    }
}

std::optional<Time> Forwarder::tick() {
    auto next = expire_due();
    if (const auto stall = tick_stalls()) {
        next = next ? std::min(*next, *stall) : *stall;
    }
    if (const auto silence = tick_silence()) {
        next = next ? std::min(*next, *silence) : *silence;
    }
    if (const auto probe = tick_demand()) {
        next = next ? std::min(*next, *probe) : *probe;
    }
    if (const auto unpin_at = tick_pins()) {
        next = next ? std::min(*next, *unpin_at) : *unpin_at;
    }
    if (const auto parked = tick_parked()) {
        next = next ? std::min(*next, *parked) : *parked;
    }
    return next;
}

std::optional<Time> Forwarder::tick_parked() {
    const auto parked = std::exchange(parked_, {});
    std::uint32_t following = kNoSlot;
    for (auto slot = parked.head; slot != kNoSlot; slot = following) {
        auto& out = plane_.outgoing.at(slot);
        following = out.next;
        if (out.parked_until <= plane_.now) {
            conclude(slot, unreached());
        } else if (out.news_until != 0 && out.news_until <= plane_.now) {
            out.news_until = 0;
            redispatch(slot);  // it may be parked again
        } else {
            append(parked_, slot);
        }
    }
    std::optional<Time> next;
    for (auto slot = parked_.head; slot != kNoSlot; slot = plane_.outgoing.at(slot).next) {
        const auto& out = plane_.outgoing.at(slot);
        const auto until = out.news_until != 0 ? out.news_until : out.parked_until;
        next = next ? std::min(*next, until) : until;
    }
    return next;
}

}  // namespace amqmesh::link
