#include "routing/routes.h"

#include "routing/hash.h"

#include <algorithm>
#include <tuple>

namespace amqmesh::routing {

namespace {

// Slots connected with `start` by two-way links, NO_TRANSIT or not, marked in `seen`.
std::size_t mark_component(const Lsdb& lsdb, Lsdb::Slot start, std::vector<bool>& seen) {
    std::vector<Lsdb::Slot> stack = {start};
    std::vector<Lsdb::Edge> edges;
    std::size_t count = 0;
    seen[start] = true;
    while (!stack.empty()) {
        const Lsdb::Slot slot = stack.back();
        stack.pop_back();
        ++count;
        lsdb.edges_of(slot, edges);
        for (const Lsdb::Edge& edge : edges) {
            if (!seen[edge.to]) {
                seen[edge.to] = true;
                stack.push_back(edge.to);
            }
        }
    }
    return count;
}

std::uint64_t digest_of(const Topology& topology) {
    Hasher hasher;
    for (std::size_t i = 0; i < topology.ids.size(); ++i) {
        hasher.add(topology.ids[i]).add(topology.incarnations[i]);
        hasher.add(std::uint64_t{topology.first[i]} << 1U | (topology.no_transit[i] ? 1U : 0U));
    }
    for (const Topology::Edge& edge : topology.edges) {
        hasher.add(std::uint64_t{edge.to} << 32U | edge.cost);
    }
    return hasher.value();
}

// Whether both graphs, of equal digest, leave this router over the same connections.
bool same_adjacencies(const Topology& a, const Topology& b) {
    const auto begin = a.edges.begin();
    return std::equal(begin + a.first[a.self],
                      begin + a.first[a.self + 1],
                      b.edges.begin() + b.first[b.self],
                      [](const Topology::Edge& x, const Topology::Edge& y) {
                          return x.adjacency == y.adjacency;
                      });
}

}  // namespace

Topology build_topology(const Lsdb& lsdb, RouterId self) {
    Topology topology;
    const Lsdb::Slot self_slot = lsdb.find(self);
    Lsdb::Slot slots = 0;
    for (const auto& [rid, slot] : lsdb.order()) {
        slots = std::max(slots, slot + 1);
    }
    std::vector<bool> member(slots, false);
    const std::size_t count = mark_component(lsdb, self_slot, member);
    std::vector<std::uint32_t> index(slots, Topology::npos);
    std::vector<Lsdb::Slot> by_index;
    by_index.reserve(count);
    for (const auto& [rid, slot] : lsdb.order()) {
        if (member[slot]) {
            index[slot] = static_cast<std::uint32_t>(by_index.size());
            by_index.push_back(slot);
        }
    }
    topology.self = index[self_slot];
    topology.ids.reserve(count);
    topology.names.reserve(count);
    topology.incarnations.reserve(count);
    topology.first.reserve(count + 1);
    std::vector<Lsdb::Edge> edges;
    for (const Lsdb::Slot slot : by_index) {
        const Lsp& lsp = lsdb.at(slot).lsp;
        topology.ids.push_back(lsp.rid);
        topology.names.push_back(lsp.name);
        topology.incarnations.push_back(lsp.incarnation);
        topology.no_transit.push_back(lsp.has(lsp_flag::kNoTransit));
        const std::size_t first = topology.edges.size();
        topology.first.push_back(static_cast<std::uint32_t>(first));
        lsdb.edges_of(slot, edges);
        for (const Lsdb::Edge& edge : edges) {
            topology.edges.push_back(
                {index[edge.to], edge.cost, slot == self_slot ? edge.link_id : 0});
        }
        std::sort(topology.edges.begin() + static_cast<std::ptrdiff_t>(first),
                  topology.edges.end(),
                  [](const Topology::Edge& a, const Topology::Edge& b) {
                      return std::tie(a.to, a.cost, a.adjacency) <
                             std::tie(b.to, b.cost, b.adjacency);
                  });
    }
    topology.first.push_back(static_cast<std::uint32_t>(topology.edges.size()));
    topology.digest = digest_of(topology);
    return topology;
}

std::uint32_t Routes::distance(RouterId rid) const {
    const std::uint32_t index = topology_->index_of(rid);
    return index < spf_.distance.size() ? spf_.distance[index] : kUnreachable;
}

bool Routes::relevant(const GraphChange& change) const {
    if (!topology_ || change.transit_gained || change.transit_lost) {
        return true;
    }
    return std::any_of(change.edges.begin(), change.edges.end(), [&](const EdgeChange& edge) {
        const std::uint32_t a = distance(edge.a);
        const std::uint32_t b = distance(edge.b);
        if (a == kUnreachable && b == kUnreachable) {
            return false;
        }
        if (a == kUnreachable || b == kUnreachable) {
            return true;
        }
        const std::uint32_t gap = a > b ? a - b : b - a;
        // The old edge lies on a shortest path when it bridges the gap exactly; the new one
        // matters when it would bridge it at equal cost or below.
        const bool used = edge.before != 0 && gap == edge.before;
        const bool useful = edge.after != 0 && edge.after <= gap;
        return used || useful;
    });
}

void Routes::publish(Topology topology, Effects& effects) {
    topology.version = ++version_;
    topology_ = std::make_shared<const Topology>(std::move(topology));
    effects.topology = topology_;
}

void Routes::update_topology(const Lsdb& lsdb, RouterId self, Effects& effects) {
    Topology next = build_topology(lsdb, self);
    if (!topology_ || next.ids != topology_->ids) {
        // The change was no matter for any route, but the distances are kept by index.
        publish(std::move(next), effects);
        spf_ = compute_spf(*topology_, max_paths_);
    } else if (next.digest != topology_->digest || !same_adjacencies(next, *topology_)) {
        publish(std::move(next), effects);
    }
}

void Routes::run(const Lsdb& lsdb, RouterId self, Effects& effects) {
    publish(build_topology(lsdb, self), effects);
    spf_ = compute_spf(*topology_, max_paths_);
    // Both lists ascend by router id; what is only in the old one has become unreachable.
    auto old = routes_.begin();
    const auto withdraw = [&](std::map<RouterId, Route>::iterator it) {
        if (!it->second.next_hops.empty()) {
            const Lsdb::Slot slot = lsdb.find(it->first);
            effects.routes.push_back(
                {it->first, slot == Lsdb::kNone ? std::string() : lsdb.at(slot).lsp.name, 0, {}});
        }
        return routes_.erase(it);
    };
    for (std::uint32_t i = 0; i < topology_->ids.size(); ++i) {
        const RouterId rid = topology_->ids[i];
        while (old != routes_.end() && old->first < rid) {
            old = withdraw(old);
        }
        if (i == topology_->self || spf_.distance[i] == kUnreachable) {
            continue;
        }
        const auto hops = spf_.next_hops(i);
        Route route = {spf_.distance[i], {hops.begin(), hops.end()}};
        if (old != routes_.end() && old->first == rid) {
            if (old->second != route) {
                effects.routes.push_back({rid, topology_->names[i], route.cost, route.next_hops});
                old->second = std::move(route);
            }
            ++old;
        } else {
            effects.routes.push_back({rid, topology_->names[i], route.cost, route.next_hops});
            old = std::next(routes_.insert(old, {rid, std::move(route)}));
        }
    }
    while (old != routes_.end()) {
        old = withdraw(old);
    }
}

const Routes::Route* Routes::find(RouterId rid) const {
    const auto it = routes_.find(rid);
    return it == routes_.end() ? nullptr : &it->second;
}

}  // namespace amqmesh::routing
