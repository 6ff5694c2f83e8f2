// Order across a change of the table: see link/flow_pins.h. Also the way round for what would go
// back to where it came from.
#include "link/forwarder.h"
#include "routing/spf.h"

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

bool Forwarder::hold_back(const IncomingDelivery& in, const Payload& payload) {
    const auto egress = targets_.empty() ? in.label.egress : targets_.front().egress;
    const bool elsewhere = !targets_.empty() && targets_.front().worker() != plane_.config.worker;
    if (in.multicast || egress == 0 || held_back_ >= kParkedMax ||
        (elsewhere && payload.more)) {  // the rest of it could not follow to another worker
        return false;
    }
    if (!pins_.contains(key_of(in.label, egress))) {
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
    note_waiting(out);
    pins_.at(key_of(out.label, out.label.egress)).held.push_back(out_slot);
    ++held_back_;
}

void Forwarder::leave_parked(std::uint32_t out_slot) {
    if (std::erase(parked_, out_slot) != 0) {
        return;
    }
    const auto& label = plane_.outgoing.at(out_slot).label;
    if (const auto found = pins_.find(key_of(label, label.egress)); found != pins_.end()) {
        held_back_ -= std::erase(found->second.held, out_slot);
    }
}

// What is parked is older than anything held back: it goes first.
std::vector<std::uint32_t> Forwarder::join_pins(const std::vector<std::uint32_t>& parked) {
    std::map<FlowKey, std::vector<std::uint32_t>> first;
    std::vector<std::uint32_t> others;
    for (const auto slot : parked) {
        const auto& label = plane_.outgoing.at(slot).label;
        const auto key = key_of(label, label.egress);
        (pins_.contains(key) ? first[key] : others).push_back(slot);
    }
    for (const auto& [key, slots] : first) {
        auto& held = pins_.at(key).held;
        held.insert(held.begin(), slots.begin(), slots.end());
        held_back_ += slots.size();
    }
    return others;
}

void Forwarder::release_pin(const FlowKey& key) {
    const auto found = pins_.find(key);
    if (found == pins_.end()) {
        return;
    }
    const auto held = std::move(found->second.held);
    pins_.erase(found);
    held_back_ -= held.size();
    for (const auto slot : held) {
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

// Another neighbour that is nearer to the egress router than we are. Each such step makes the way
// shorter, so none of several routers that go round can send it in a circle.
Target Forwarder::way_round(routing::RouterId egress, const ConnectionId& arrival) {
    const auto& topology = *plane_.table->topology();
    const auto end = topology.index_of(egress);
    if (end == routing::Topology::npos) {
        return {};
    }
    if (distances_version_ != topology.version || distances_.size() >= kDistancesMax) {
        distances_.clear();
        distances_version_ = topology.version;
    }
    auto [entry, fresh] = distances_.try_emplace(egress);
    if (fresh) {
        entry->second = routing::compute_distances(topology, end);
    }
    const auto& distance = entry->second;
    const auto edges = std::span(topology.edges)
                           .subspan(topology.first[topology.self],
                                    topology.first[topology.self + std::size_t{1}] -
                                        topology.first[topology.self]);
    auto back = routing::Topology::npos;
    for (const auto& edge : edges) {
        const auto* way = plane_.table->connection(edge.adjacency);
        back = way != nullptr && *way == arrival ? edge.to : back;
    }
    Target best;
    auto shortest = routing::kUnreachable;
    for (const auto& edge : edges) {
        const auto* way = plane_.table->connection(edge.adjacency);
        const bool crossed = edge.to == end || !topology.no_transit[edge.to];
        if (way == nullptr || edge.to == back || !crossed ||
            distance[edge.to] >= distance[topology.self]) {
            continue;
        }
        if (const auto length = distance[edge.to] + edge.cost; length < shortest) {
            shortest = length;
            best.kind = Target::Kind::kNeighbour;
            best.neighbour = *way;
            best.egress = egress;
        }
    }
    return best;
}

}  // namespace amqmesh::link
