// Order across a change of the table: see link/flow_pins.h. Also the way round for what would go
// back to where it came from.
#include "link/forwarder.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace amqmesh::link {

namespace {

FlowKey key_of(const MeshLabel& label, routing::RouterId egress) {
    return {label.ingress, egress, label.flow};
}

}  // namespace

// Where a delivery is going by which neighbour, when it is under way in the mesh and nobody holds
// it here; else a target of no kind.
Target Forwarder::way_of(const IncomingDelivery& in, const routing::ForwardingTable& before) const {
    if (in.settled || in.multicast || in.copies.size() != 1 || in.copies.front().done) {
        return {};
    }
    const auto& copy = in.copies.front();
    if (copy.worker != plane_.config.worker) {
        // Sent by another worker: by the table of that time.
        const auto egress = in.label.egress != 0 ? in.label.egress : in.egress;
        return egress == 0 || egress == before.self() ? Target{}
                                                      : towards(before, egress, in.label.flow);
    }
    const auto* out = plane_.outgoing.find(copy.slot, copy.generation);
    if (out == nullptr || !out->to_mesh || out->stage == OutgoingDelivery::Stage::kParked ||
        out->stage == OutgoingDelivery::Stage::kQueued) {
        return {};
    }
    Target target;
    target.kind = Target::Kind::kNeighbour;
    target.neighbour = {
        copy.worker, out->connection, plane_.connections.generation(out->connection)};
    target.egress = out->label.egress;
    return target;
}

void Forwarder::pin_flows(const routing::ForwardingTable& before) {
    plane_.incoming.for_each([&](std::uint32_t, IncomingDelivery& in) {
        if (in.pinned_egress != 0 && !pins_.contains(key_of(in.label, in.pinned_egress))) {
            in.pinned_egress = 0;  // that pin's time was over
        }
    });
    FlowKey last;  // most are of the same few flows
    Target now;
    plane_.incoming.for_each([&](std::uint32_t, IncomingDelivery& in) {
        const auto was = in.pinned_egress == 0 ? way_of(in, before) : Target{};
        if (was.kind == Target::Kind::kNone) {
            return;
        }
        const auto key = key_of(in.label, was.egress);
        if (key != last) {
            last = key;
            now = towards(was.egress, in.label.flow);
        }
        if (now.kind == Target::Kind::kNone || now.neighbour == was.neighbour) {
            return;
        }
        auto& pin = pins_[key];
        pin.until = pin.until == 0 ? plane_.now + kParkTime : pin.until;
        pin.was = was.neighbour;
        ++pin.under_way;
        in.pinned_egress = was.egress;
    });
}

void Forwarder::unpin(IncomingDelivery& in) {
    const auto key = key_of(in.label, std::exchange(in.pinned_egress, 0));
    const auto found = pins_.find(key);
    if (found != pins_.end() && --found->second.under_way == 0) {
        unpinned_.push_back(key);  // at the end of the burst: somebody may be going through lists
    }
}

// What the pinned ones' old next hop has sent back is among those under way.
bool Forwarder::waits_for(const FlowKey& key, const ConnectionId& arrival) const {
    const auto pin = pins_.find(key);
    return pin != pins_.end() && !plane_.table->same_neighbour(pin->second.was, arrival);
}

bool Forwarder::hold_back(const IncomingDelivery& in, const Payload& payload) {
    const auto egress = targets_.empty() ? in.label.egress : targets_.front().egress;
    const bool elsewhere = !targets_.empty() && targets_.front().worker() != plane_.config.worker;
    if (in.multicast || egress == 0 || held_back_ >= kParkedMax ||
        (elsewhere && payload.more)) {  // the rest of it could not follow to another worker
        return false;
    }
    const ConnectionId arrival = {plane_.config.worker, in.connection, in.connection_generation};
    if (!waits_for(key_of(in.label, egress), arrival)) {
        return false;
    }
    Target target;
    target.kind = Target::Kind::kHeld;
    target.egress = egress;
    targets_.assign(1, target);
    return true;
}

void Forwarder::join_pin(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    out.stage = OutgoingDelivery::Stage::kParked;
    note_waiting(out_slot);
    out.pinned = true;
    append(pins_.at(key_of(out.label, out.label.egress)).held, out_slot);
    ++held_back_;
}

void Forwarder::leave_parked(std::uint32_t out_slot) {
    auto& out = plane_.outgoing.at(out_slot);
    if (std::exchange(out.pinned, false)) {
        remove(pins_.at(key_of(out.label, out.label.egress)).held, out_slot);
        --held_back_;
    } else {
        remove(parked_, out_slot);
    }
}

// What is parked is older than anything held back: it goes first.
DeliveryList Forwarder::join_pins(const DeliveryList& parked) {
    std::map<FlowKey, DeliveryList> first;
    DeliveryList others;
    std::uint32_t next = kNoSlot;
    for (auto slot = parked.head; slot != kNoSlot; slot = next) {
        auto& out = plane_.outgoing.at(slot);
        next = out.next;
        const auto key = key_of(out.label, out.label.egress);
        out.pinned = waits_for(key, out.arrival);
        append(out.pinned ? first[key] : others, slot);
    }
    for (auto& [key, list] : first) {
        auto& held = pins_.at(key).held;
        held_back_ += list.size;
        for (auto slot = held.head; slot != kNoSlot; slot = next) {
            next = plane_.outgoing.at(slot).next;
            append(list, slot);
        }
        held = list;
    }
    return others;
}

void Forwarder::release_pin(const FlowKey& key) {
    const auto found = pins_.find(key);
    if (found == pins_.end()) {
        return;
    }
    const auto held = found->second.held;
    pins_.erase(found);
    held_back_ -= held.size;
    std::uint32_t next = kNoSlot;
    for (auto slot = held.head; slot != kNoSlot; slot = next) {
        auto& out = plane_.outgoing.at(slot);
        next = out.next;
        out.pinned = false;
        redispatch(slot);
    }
}

void Forwarder::release_pins() {
    for (const auto& key : std::exchange(unpinned_, {})) {
        release_pin(key);
    }
}

std::optional<Time> Forwarder::tick_pins() {
    std::optional<Time> next;
    std::vector<FlowKey> due;
    for (const auto& [key, pin] : pins_) {
        if (pin.until <= plane_.now) {
            due.push_back(key);
        } else {
            next = next ? std::min(*next, pin.until) : pin.until;
        }
    }
    for (const auto& key : due) {
        release_pin(key);
    }
    return next;
}

Target Forwarder::way_round(const MeshLabel& label, const ConnectionId& arrival, bool news_over) {
    const auto& table = *plane_.table;
    const auto& topology = *table.topology();
    if (plane_.now >= graph_changed_at_ + routing::kDetourTime || topology.ids.empty()) {
        return {};
    }
    const auto edges = std::span(topology.edges)
                           .subspan(topology.first[topology.self],
                                    topology.first[topology.self + std::size_t{1}] -
                                        topology.first[topology.self]);
    const auto sender = std::ranges::find_if(edges, [&](const routing::Topology::Edge& edge) {
        const auto* way = table.connection(edge.adjacency);
        return way != nullptr && *way == arrival;
    });
    if (sender == edges.end()) {
        return {};
    }
    const auto detour =
        detours_.find(table.topologies(), label.egress, topology.ids[sender->to], label.flow);
    Target target;
    target.egress = label.egress;
    if (const auto* way = detour.link ? table.connection(*detour.link) : nullptr; way != nullptr) {
        target.kind = Target::Kind::kNeighbour;
        target.neighbour = *way;
    } else if (detour.back || news_over) {
        target.kind = Target::Kind::kNeighbour;
        target.neighbour = arrival;
    }
    return target;
}

}  // namespace amqmesh::link
