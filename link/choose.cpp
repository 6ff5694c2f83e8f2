// Which destinations a delivery gets (DESIGN 2.1 step 6). Reads the table and the gauges, changes
// nothing but round-robin cursors. [data path 6]
#include "link/forwarder.h"
#include "routing/address_key.h"

#include <algorithm>

namespace amqmesh::link {

namespace {

using routing::AddressRoute;
using routing::LocalConsumer;
using routing::Treatment;

/// Outstanding deliveries towards one router up to which it counts as eligible for `balanced`.
constexpr std::uint32_t kRemoteOutstandingMax = 250;
/// Added to what is compared: used only if nothing else is there.
constexpr std::uint64_t kBusyValue = 1ULL << 32U;
constexpr std::uint64_t kDrainingValue = 1ULL << 40U;

std::uint16_t flow_of(const LinkKey& key, std::uint16_t worker) {
    const std::uint64_t link = std::uint64_t{key.connection} << 32U | key.link;
    // The worker goes in before the multiplication: only its upper bits are taken.
    const std::uint64_t mixed =
        (link ^ std::uint64_t{worker} << 16U ^ std::uint64_t{worker} << 48U) *
        0x9e3779b97f4a7c15ULL;
    return static_cast<std::uint16_t>(mixed >> 48U);
}

}  // namespace

const IncomingLink::RouteCache& Forwarder::cached_route(const Connection& connection,
                                                        LinkIndex index,
                                                        IncomingLink& link) {
    auto& cache = link.cache;
    const auto& table = *plane_.table;
    if (cache.generation != table.generation()) {
        cache.generation = table.generation();
        cache.route = table.find(link.hash);
        cache.label.ingress = table.self();
        cache.label.address = link.hash;
        cache.label.priority = link.priority;
        cache.label.flow = flow_of(connection.key(index), plane_.config.worker);
        // Not by the radius alone: on a ring what meets a lost link goes back, and all the way
        // round.
        const auto hops = 2 * table.topology()->ids.size() + 8;
        cache.label.hop_limit = static_cast<std::uint8_t>(std::min<std::size_t>(hops, 255));
        const bool one_router = cache.route != nullptr && cache.route->remote.size() == 1;
        cache.router = link.router != 0 ? link.router
                       : one_router     ? table.router(cache.route->remote.front())
                                        : routing::RouterId{0};
        const auto target = towards(cache.router, cache.label.flow);
        cache.next_hop =
            target.kind == Target::Kind::kNeighbour ? target.neighbour : ConnectionId{};
        cache.outstanding = one_router && cache.route->treatment == Treatment::kBalanced
                                ? outstanding_.slot_of(link.hash, cache.router)
                                : OutstandingBook::kNone;
    }
    return cache;
}

bool Forwarder::gone(const LocalConsumer& consumer) const {
    return plane_.shared->gauges.get(consumer.gauge).free == GaugeBoard::kGone;
}

Target Forwarder::towards(const routing::ForwardingTable& table,
                          routing::RouterId router,
                          std::uint64_t flow) {
    const auto* route = table.route(router);
    if (route == nullptr) {
        return {};
    }
    Target target;
    target.kind = Target::Kind::kNeighbour;
    target.neighbour = route->next_hop(flow);
    target.egress = router;
    return target;
}

void Forwarder::reset_choice() {
    targets_.clear();
    none_free_ = choice_ = false;
}

Target Forwarder::pick_local(const AddressRoute& route, std::uint32_t& cursor) {
    const auto count = static_cast<std::uint32_t>(route.local.size());
    const LocalConsumer* best = nullptr;
    bool best_free = false;
    std::uint32_t best_outstanding = 0;
    std::uint32_t candidates = 0;
    std::uint32_t index = cursor;
    for (std::uint32_t i = 0; i < count; ++i, ++index) {
        index = index < count ? index : index % count;
        const auto& consumer = route.local[index];
        const auto gauge = plane_.shared->gauges.get(consumer.gauge);
        if (gauge.free == GaugeBoard::kGone || refused(consumer)) {
            continue;
        }
        ++candidates;
        const bool is_free = gauge.free > 0;
        const bool better = best == nullptr || (is_free && !best_free) ||
                            (is_free == best_free && gauge.outstanding < best_outstanding);
        if (better) {
            best = &consumer;
            best_free = is_free;
            best_outstanding = gauge.outstanding;
        }
        if (is_free && route.treatment == Treatment::kClosest) {
            break;  // round robin among those with credit
        }
    }
    none_free_ = best != nullptr && !best_free;
    choice_ = count > 1 && candidates > 1;
    if (best == nullptr) {
        return {};
    }
    cursor = static_cast<std::uint32_t>(best - route.local.data()) + 1;
    Target target;
    target.kind = Target::Kind::kConsumer;
    target.consumer = best->id;
    return target;
}

void Forwarder::choose_by_key(IncomingDelivery& in,
                              const AddressRoute& route,
                              std::uint32_t& cursor) {
    if (route.in_process != routing::InProcess::kNone) {
        targets_.push_back({Target::Kind::kInProcess, {}, {}, 0});
        return;
    }
    if (route.treatment == Treatment::kMulticast) {
        in.multicast = true;
        in.label.sequence =
            plane_.shared->multicast_sequence.fetch_add(1, std::memory_order_relaxed);
        in.label.flow = routing::label_digest(*plane_.table->topology());
        choose_multicast(route, in.label, nullptr);
        return;
    }
    auto local = pick_local(route, cursor);
    const bool local_exists = local.kind != Target::Kind::kNone;
    if (local_exists && (route.remote.empty() || route.treatment == Treatment::kClosest)) {
        targets_.push_back(local);
        return;
    }
    const auto remote = pick_remote(route, cursor);
    const bool local_free = local_exists && !none_free_;
    choice_ = choice_ || remote.candidates + (local_exists ? 1U : 0U) > 1;
    none_free_ =
        (local_exists || remote.router != 0) && !local_free && (remote.router == 0 || remote.busy);
    if (local_exists) {
        const auto gauge = plane_.shared->gauges.get(local_gauge(route, local));
        const std::uint64_t value = gauge.outstanding + (local_free ? 0U : kBusyValue);
        if (remote.router == 0 || value <= remote.value) {
            targets_.push_back(local);
            return;
        }
    }
    if (remote.router == 0) {
        return;
    }
    // Busy as far as was heard: wait for word from there, even if there is no other.
    choice_ = choice_ || none_free_;
    cursor = remote.index + 1;
    targets_.push_back(towards(remote.router, in.label.flow));
    if (route.treatment == Treatment::kBalanced && !none_free_) {
        count_balanced(in, remote.router);
    }
}

void Forwarder::count_balanced(IncomingDelivery& in, routing::RouterId router) {
    demand_.sent(in.label.address, router, plane_.now);
    in.outstanding = outstanding_.slot_of(in.label.address, router);
    outstanding_.add(in.outstanding);
}

Forwarder::RemoteChoice Forwarder::pick_remote(const AddressRoute& route,
                                               std::uint32_t cursor) const {
    // By cost alone for closest, by cost + outstanding for balanced.
    RemoteChoice best;
    const auto count = static_cast<std::uint32_t>(route.remote.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto index = (cursor + i) % count;
        const auto& remote = route.remote[index];
        const auto* way = plane_.table->route(remote);
        if (way == nullptr) {
            continue;
        }
        const auto router = plane_.table->router(remote);
        if (refusals_ != nullptr && refusals_->has(router)) {
            continue;
        }
        ++best.candidates;
        std::uint64_t value = way->cost;
        bool busy = false;
        if (remote.weight() == 0) {
            value += kDrainingValue;
        }
        if (route.treatment == Treatment::kBalanced) {
            const std::uint64_t outstanding = outstanding_.outstanding(route.hash, router);
            busy = demand_.busy(route.hash, router, plane_.now);
            value += outstanding;
            if (busy || outstanding >= kRemoteOutstandingMax) {
                value += kBusyValue;
            }
        }
        if (best.router == 0 || value < best.value) {
            best.router = router;
            best.value = value;
            best.index = index;
            best.busy = busy;
        }
    }
    return best;
}

std::uint32_t Forwarder::local_gauge(const AddressRoute& route, const Target& target) {
    const auto found = std::ranges::find_if(
        route.local, [&](const LocalConsumer& consumer) { return consumer.id == target.consumer; });
    return found == route.local.end() ? 0 : found->gauge;
}

void Forwarder::forget_balanced(IncomingDelivery& in) {
    if (in.outstanding != OutstandingBook::kNone) {
        outstanding_.remove(std::exchange(in.outstanding, OutstandingBook::kNone));
    }
}

void Forwarder::choose_multicast(const AddressRoute& route,
                                 const MeshLabel& label,
                                 const ConnectionId* arrival) {
    for (const auto& consumer : route.local) {
        if (!gone(consumer)) {
            Target target;
            target.kind = Target::Kind::kConsumer;
            target.consumer = consumer.id;
            targets_.push_back(target);
        }
    }
    const auto& topologies = plane_.table->topologies();
    const auto& current = *topologies.current();
    if (route.remote.empty() || current.ids.empty()) {
        return;
    }
    add_branches(current, route, label.ingress, arrival);
    if (label.flow == routing::label_digest(current)) {
        return;
    }
    // The node where it entered the mesh sees another graph (ROUTING 1.7 step 4). A router on the
    // way there must not lose it: it follows that tree, too, or, when it does not know that graph,
    // every link that the tree may use. Who gets it twice drops it.
    if (const auto* theirs = topologies.find(label.flow); theirs != nullptr) {
        add_branches(*theirs, route, label.ingress, arrival);
        return;
    }
    auto before = routing::Topology::npos;
    for (auto e = current.first[current.self]; e < current.first[current.self + 1]; ++e) {
        const auto& edge = current.edges[e];
        if (edge.to != before) {  // of parallel links one is enough
            add_neighbour(edge.adjacency, arrival);
        }
        before = edge.to;
    }
}

// Adds the neighbours below which `topology` has a consumer, seen from the root `origin`.
void Forwarder::add_branches(const routing::Topology& topology,
                             const AddressRoute& route,
                             routing::RouterId origin,
                             const ConnectionId* arrival) {
    const auto& tree = trees_.tree(topology, origin);
    std::vector<bool> wanted(tree.children.size(), false);
    for (const auto& remote : route.remote) {
        const auto index = topology.index_of(plane_.table->router(remote));
        if (index == routing::Topology::npos || index >= tree.branch.size() ||
            tree.branch[index] < 0) {
            continue;
        }
        wanted[static_cast<std::size_t>(tree.branch[index])] = true;
    }
    const auto& current = *plane_.table->topology();
    for (std::size_t child = 0; child < wanted.size(); ++child) {
        if (!wanted[child]) {
            continue;
        }
        if (&topology == &current) {
            add_neighbour(tree.children[child], arrival);
        } else if (const auto adjacency =
                       current.adjacency_to(current.index_of(topology.ids[tree.routers[child]]))) {
            add_neighbour(*adjacency, arrival);  // its link may have come back since
        }
    }
}

// Adds a neighbour once, but never the one that the delivery came from.
void Forwarder::add_neighbour(routing::AdjacencyId adjacency, const ConnectionId* arrival) {
    const auto* neighbour = plane_.table->connection(adjacency);
    if (neighbour == nullptr || (arrival != nullptr && *neighbour == *arrival) ||
        std::ranges::any_of(targets_, [&](const Target& target) {
            return target.kind == Target::Kind::kNeighbour && target.neighbour == *neighbour;
        })) {
        return;
    }
    Target target;
    target.kind = Target::Kind::kNeighbour;
    target.neighbour = *neighbour;
    targets_.push_back(target);
}

void Forwarder::choose_from_client(IncomingDelivery& in,
                                   IncomingLink& link,
                                   const AddressRoute* route) {
    if (link.router != 0) {
        const auto target = towards(link.router, in.label.flow);
        if (target.kind != Target::Kind::kNone) {
            targets_.push_back(target);
        }
        return;
    }
    if (route != nullptr) {
        choose_by_key(in, *route, link.cursor);
    }
}

void Forwarder::choose_from_mesh(IncomingDelivery& in,
                                 IncomingLink& link,
                                 const ConnectionId& arrival) {
    const auto& table = *plane_.table;
    if (in.label.multicast()) {
        in.multicast = true;
        const auto& topology = *table.topology();
        const auto index = topology.index_of(in.label.ingress);
        const auto incarnation =
            index < topology.incarnations.size() ? topology.incarnations[index] : 0;
        // What entered the mesh here comes back only by a detour: everyone here has it.
        const auto verdict =
            in.label.ingress == table.self()
                ? MulticastGuard::Verdict::kDuplicate
                : plane_.shared->multicast.see(in.label.ingress, incarnation, in.label.sequence);
        if (verdict != MulticastGuard::Verdict::kNew) {
            const bool too_old = verdict == MulticastGuard::Verdict::kTooOld;
            plane_.counters.multicast_too_old += too_old ? 1U : 0U;
            plane_.counters.multicast_duplicates += too_old ? 0U : 1U;
            return;
        }
        if (const auto* route = table.find(in.label.address); route != nullptr) {
            choose_multicast(*route, in.label, &arrival);
        }
        return;
    }
    if (in.label.egress != table.self()) {
        if (const auto target = towards(in.label.egress, in.label.flow);
            target.kind != Target::Kind::kNone) {
            targets_.push_back(target);
        }
        return;
    }
    const auto* route = table.find(in.label.address);
    if (route == nullptr) {
        return;
    }
    if (route->in_process != routing::InProcess::kNone) {
        targets_.push_back({Target::Kind::kInProcess, {}, {}, 0});
    } else if (const auto target = pick_local(*route, link.cursor);
               target.kind != Target::Kind::kNone) {
        targets_.push_back(target);
    }
}

Target Forwarder::choose_again(const OutgoingDelivery& out) {
    const auto* in = out.origin.worker == plane_.config.worker
                         ? plane_.incoming.find(out.origin.slot, out.origin.generation)
                         : nullptr;
    refusals_ = in != nullptr ? in->refusals.get() : nullptr;
    const auto target = choose_for(out);
    refusals_ = nullptr;
    return target;
}

Target Forwarder::choose_for(const OutgoingDelivery& out) {
    const auto& table = *plane_.table;
    reset_choice();
    if (out.label.hint) {
        return towards(out.label.egress, out.label.flow);  // it is no message: to its router only
    }
    if (out.label.egress != 0 && out.label.egress != table.self()) {
        const auto target = towards(out.label.egress, out.label.flow);
        // Back where it came from would be a loop of two, unless the neighbour has heard by now
        // (routing/detour.h).
        const bool bounce = target.kind == Target::Kind::kNeighbour &&
                            out.arrival.generation != 0 &&
                            table.same_neighbour(target.neighbour, out.arrival);
        if (bounce) {
            ++plane_.counters.bounced;
            const bool news_over = out.parked_until != 0 && out.news_until == 0;
            return way_round(out.label, out.arrival, news_over);
        }
        if (target.kind != Target::Kind::kNone || out.arrival.generation != 0) {
            return target;
        }
    }
    const auto* route = table.find(out.label.address);
    if (route == nullptr || route->treatment == Treatment::kMulticast) {
        return {};
    }
    std::uint32_t cursor = out.label.sequence;
    if (out.arrival.generation != 0) {
        return pick_local(*route, cursor);
    }
    IncomingDelivery as_new;  // entered the mesh here: every consumer is possible again
    as_new.label = out.label;
    reset_choice();
    choose_by_key(as_new, *route, cursor);
    if (as_new.outstanding != OutstandingBook::kNone) {
        auto* in = out.origin.worker == plane_.config.worker
                       ? plane_.incoming.find(out.origin.slot, out.origin.generation)
                       : nullptr;
        if (in != nullptr && in->outstanding == OutstandingBook::kNone) {
            in->outstanding = as_new.outstanding;
        } else {
            forget_balanced(as_new);  // counted for the router chosen first
        }
    }
    const auto target = targets_.empty() ? Target{} : targets_.front();
    const bool avoided = target.kind == Target::Kind::kNeighbour && target.egress == out.avoid;
    return avoided ? Target{} : target;
}

}  // namespace amqmesh::link
