#include "routing/routes.h"

#include "routing/choose_again.h"
#include "routing/hash.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace amqmesh::routing {

namespace {

constexpr std::uint32_t kOutside = Topology::npos;

// The routers connected with one by two-way links, NO_TRANSIT or not, and their links.
struct Component {
    std::vector<std::uint32_t> place;  // by slot: where it stands in the next two; or kOutside
    std::vector<Lsdb::Edge> edges;
    std::vector<std::pair<std::size_t, std::size_t>> range;  // of each one's edges
};

Component component_of(const Lsdb& lsdb, Lsdb::Slot start, Lsdb::Slot slots) {
    Component found;
    found.place.assign(slots, kOutside);
    std::vector<Lsdb::Slot> reached = {start};
    std::vector<Lsdb::Edge> edges;
    found.place[start] = 0;
    for (std::size_t next = 0; next < reached.size(); ++next) {
        lsdb.edges_of(reached[next], edges);
        found.range.emplace_back(found.edges.size(), found.edges.size() + edges.size());
        for (const Lsdb::Edge& edge : edges) {
            found.edges.push_back(edge);
            if (found.place[edge.to] == kOutside) {
                found.place[edge.to] = static_cast<std::uint32_t>(reached.size());
                reached.push_back(edge.to);
            }
        }
    }
    return found;
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

std::span<const Topology::Edge> edges_of(const Topology& topology, std::uint32_t index) {
    return std::span(topology.edges)
        .subspan(topology.first[index],
                 topology.first[index + std::size_t{1}] - topology.first[index]);
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
    const Component component = component_of(lsdb, self_slot, slots);
    const std::size_t count = component.range.size();
    std::vector<std::uint32_t> index(slots, Topology::npos);
    std::vector<Lsdb::Slot> by_index;
    by_index.reserve(count);
    for (const auto& [rid, slot] : lsdb.order()) {
        if (component.place[slot] != kOutside) {
            index[slot] = static_cast<std::uint32_t>(by_index.size());
            by_index.push_back(slot);
        }
    }
    topology.self = index[self_slot];
    topology.ids.reserve(count);
    topology.names.reserve(count);
    topology.incarnations.reserve(count);
    topology.first.reserve(count + 1);
    topology.edges.reserve(component.edges.size());
    for (const Lsdb::Slot slot : by_index) {
        const Lsp& lsp = lsdb.at(slot).lsp;
        topology.ids.push_back(lsp.rid);
        topology.names.push_back(lsp.name);
        topology.incarnations.push_back(lsp.incarnation);
        topology.no_transit.push_back(lsp.has(lsp_flag::kNoTransit));
        const std::size_t first = topology.edges.size();
        topology.first.push_back(static_cast<std::uint32_t>(first));
        const auto [begin, end] = component.range[component.place[slot]];
        for (std::size_t e = begin; e < end; ++e) {
            const Lsdb::Edge& edge = component.edges[e];
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

std::uint32_t Routes::distance(std::uint32_t index) const {
    return index < spf_.distance.size() ? spf_.distance[index] : kUnreachable;
}

Routes::Relevance Routes::relevance(const GraphChange& change) {
    const bool alone = !std::exchange(changed_, true);
    const bool transit = change.transit_gained || change.transit_lost;
    if (!alone && (changed_alone_ || transit)) {
        return {true, 0};
    }
    const Relevance found = relevance_of(change, alone);
    changed_alone_ = transit || found.from != 0;
    return found;
}

// What is no part of any chosen path and makes none better leaves all of them chosen: so does any
// number of such changes.
Routes::Relevance Routes::relevance_of(const GraphChange& change, bool alone) const {
    const bool transit = change.transit_gained || change.transit_lost;
    if (!topology_ || (transit && (!change.edges.empty() || crossable(change.router)))) {
        return {true, 0};
    }
    const bool several = !alone || change.edges.size() > 1;
    Relevance sum;
    for (const EdgeChange& edge : change.edges) {
        const Relevance one = relevance_of(edge, several);
        sum.run = sum.run || one.run;
        sum.from = one.from;
    }
    return sum;
}

// Whether a shortest path leads, or would lead, through the router if others may cross it.
bool Routes::crossable(RouterId rid) const {
    const std::uint32_t index = topology_->index_of(rid);
    if (index == Topology::npos || index == topology_->self || distance(index) == kUnreachable) {
        return index == Topology::npos && rid == 0;
    }
    const auto edges = edges_of(*topology_, index);
    return std::any_of(edges.begin(), edges.end(), [&](const Topology::Edge& edge) {
        return distance(index) + edge.cost <= distance(edge.to);
    });
}

Routes::Relevance Routes::relevance_of(const EdgeChange& edge, bool several) const {
    constexpr Relevance kRun = {true, 0};
    std::uint32_t near = topology_->index_of(edge.a);
    std::uint32_t far = topology_->index_of(edge.b);
    if (distance(near) > distance(far)) {
        std::swap(near, far);
    }
    // Distances only grow over the link in the direction from its nearer end.
    if (distance(near) == kUnreachable) {
        return {};
    }
    if (near != topology_->self && topology_->no_transit[near]) {
        return {};
    }
    if (distance(far) == kUnreachable) {
        return kRun;
    }
    const std::uint32_t gap = distance(far) - distance(near);
    if (near == topology_->self) {
        // Which of our own links it is stands nowhere here: any of the shortest may be the one.
        return {(edge.before != 0 && edge.before <= gap) || (edge.after != 0 && edge.after <= gap),
                0};
    }
    const bool used = edge.before != 0 && gap == edge.before;
    const bool as_good = edge.after != 0 && gap == edge.after;
    const bool better = edge.after != 0 && edge.after < gap;
    if (better) {
        return kRun;
    }
    // By any preference only the chosen path counts, there and for whatever compares itself with it
    // further on.
    const auto near_ties = spf_.ties_of(near);
    const auto far_ties = spf_.ties_of(far);
    for (std::uint32_t p = 0; p < max_paths_; ++p) {
        const std::int64_t tie = near_ties[p] + tie_of(edge.a, edge.b, p);
        if ((used && tie == far_ties[p]) || (as_good && tie < far_ties[p])) {
            // Two links may stand in for each other, so that only one alone can be missed.
            const bool missed = several || (used && !replaceable(near, far, edge.before));
            return missed ? kRun : Relevance{false, topology_->ids[far]};
        }
    }
    return {};
}

// Whether `far` keeps its distance without one link of that cost from `near`.
bool Routes::replaceable(std::uint32_t near, std::uint32_t far, Cost cost) const {
    bool left_out = false;
    for (const Topology::Edge& edge : edges_of(*topology_, far)) {
        if (!left_out && edge.to == near && edge.cost == cost) {
            left_out = true;
            continue;
        }
        const bool crossed = edge.to == topology_->self || !topology_->no_transit[edge.to];
        if (crossed && distance(edge.to) != kUnreachable &&
            distance(edge.to) + edge.cost == distance(far)) {
            return true;
        }
    }
    return false;
}

void Routes::choose_again(RouterId from, Effects& effects) {
    const std::uint32_t start = topology_->index_of(from);
    if (start == Topology::npos || start == topology_->self ||
        spf_.distance[start] == kUnreachable) {
        return;
    }
    const std::vector<AdjacencyId> hops = spf_.hops;
    for (const std::uint32_t index : choose_again_from(*topology_, spf_, start)) {
        const std::size_t first = std::size_t{index} * max_paths_;
        const auto now = std::span(spf_.hops).subspan(first, max_paths_);
        if (!std::ranges::equal(now, std::span(hops).subspan(first, max_paths_))) {
            const Route route = *at(index);
            effects.routes.push_back({topology_->ids[index],
                                      topology_->names[index],
                                      route.cost,
                                      {route.next_hops.begin(), route.next_hops.end()}});
        }
    }
}

void Routes::publish(Topology topology, Effects& effects) {
    topology.version = ++version_;
    topology.preferences = max_paths_;
    topology_ = std::make_shared<const Topology>(std::move(topology));
    effects.topology = topology_;
}

void Routes::update_topology(const Lsdb& lsdb, RouterId self, RouterId from, Effects& effects) {
    changed_ = changed_alone_ = false;
    Topology next = build_topology(lsdb, self);
    if (!topology_ || next.ids != topology_->ids) {
        compute(std::move(next), effects);  // no matter for any route, but all is kept by index
    } else if (next.digest != topology_->digest || !same_adjacencies(next, *topology_)) {
        publish(std::move(next), effects);
        if (from != 0) {
            choose_again(from, effects);
        }
    }
}

void Routes::run(const Lsdb& lsdb, RouterId self, Effects& effects) {
    changed_ = changed_alone_ = false;
    compute(build_topology(lsdb, self), effects);
}

std::optional<Routes::Route> Routes::at(std::uint32_t index) const {
    if (index == topology_->self || spf_.distance[index] == kUnreachable) {
        return std::nullopt;
    }
    return Route{spf_.distance[index], spf_.next_hops(index)};
}

void Routes::compute(Topology topology, Effects& effects) {
    const auto old_topology = topology_ ? topology_ : std::make_shared<const Topology>();
    const Spf old = std::exchange(spf_, compute_spf(topology, max_paths_));
    publish(std::move(topology), effects);
    const auto told = [&](std::size_t i) {
        return i != old_topology->self && old.distance[i] != kUnreachable;
    };
    // Both lists ascend by router id; what is only in the old one has become unreachable.
    std::uint32_t before = 0;
    const auto withdraw = [&] {
        if (told(before)) {
            effects.routes.push_back(
                {old_topology->ids[before], old_topology->names[before], 0, {}});
        }
        ++before;
    };
    for (std::uint32_t i = 0; i < topology_->ids.size(); ++i) {
        const RouterId rid = topology_->ids[i];
        while (before < old_topology->ids.size() && old_topology->ids[before] < rid) {
            withdraw();
        }
        const bool known = before < old_topology->ids.size() && old_topology->ids[before] == rid;
        const auto route = at(i);
        if (!route) {
            if (known) {
                withdraw();
            }
            continue;
        }
        if (!known || !told(before) || old.distance[before] != route->cost ||
            !std::ranges::equal(old.next_hops(before), route->next_hops)) {
            effects.routes.push_back({rid,
                                      topology_->names[i],
                                      route->cost,
                                      {route->next_hops.begin(), route->next_hops.end()}});
        }
        before += known ? 1U : 0U;
    }
    while (before < old_topology->ids.size()) {
        withdraw();
    }
}

std::optional<Routes::Route> Routes::find(RouterId rid) const {
    const std::uint32_t index = topology_ ? topology_->index_of(rid) : Topology::npos;
    return index == Topology::npos ? std::nullopt : at(index);
}

}  // namespace amqmesh::routing
