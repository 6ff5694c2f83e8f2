#include "tests/sim/walk.h"

#include <algorithm>

namespace amqmesh::sim {

std::optional<std::size_t> Walker::over(std::size_t at, AdjacencyId link) const {
    const Router& here = world_.routers()[at];
    const auto hop = here.cables.find(link);
    if (!here.node || hop == here.cables.end() || !world_.cables()[hop->second.first].connected) {
        return std::nullopt;
    }
    return world_.cables()[hop->second.first].end[1 - hop->second.second];
}

std::optional<std::size_t> Walker::next_cable(std::size_t at,
                                              std::size_t to,
                                              std::uint64_t flow) const {
    const Router& here = world_.routers()[at];
    const auto route = here.mirror.routes.find(world_.routers()[to].id);
    if (route == here.mirror.routes.end()) {
        return std::nullopt;
    }
    const auto& hops = route->second.second;
    const auto cable = here.cables.find(hops[flow % hops.size()]);
    return cable == here.cables.end() ? std::nullopt : std::optional(cable->second.first);
}

std::optional<std::size_t> Walker::next(std::size_t at, std::size_t to, std::uint64_t flow) const {
    const auto& routes = world_.routers()[at].mirror.routes;
    const auto route = routes.find(world_.routers()[to].id);
    if (route == routes.end()) {
        return std::nullopt;
    }
    const auto& hops = route->second.second;
    return over(at, hops[flow % hops.size()]);
}

std::optional<std::size_t> Walker::way_round(std::size_t before,
                                             std::size_t at,
                                             std::size_t to,
                                             std::uint64_t flow) {
    if (!news(at)) {
        return std::nullopt;
    }
    const auto link = detours_
                          .find(world_.routers()[at].mirror.topologies,
                                world_.routers()[to].id,
                                world_.routers()[before].id,
                                flow)
                          .link;
    return link ? over(at, *link) : std::nullopt;
}

bool Walker::news(std::size_t at) const {
    const Mirror& mirror = world_.routers()[at].mirror;
    return mirror.topology && world_.now() < mirror.topology_changed_at + routing::kDetourTime;
}

const routing::Spf& Walker::paths(const routing::Topology& topology, RouterId target) {
    auto [entry, fresh] = paths_.try_emplace({topology.digest, target});
    if (fresh) {
        entry->second = routing::compute_spf_from(topology, topology.index_of(target));
    }
    return entry->second;
}

std::optional<std::size_t> Walker::repaired(std::size_t at,
                                            std::size_t next,
                                            std::size_t to,
                                            std::uint64_t flow) {
    if (!news(at)) {
        return next;
    }
    const routing::Topology& after = *world_.routers()[at].mirror.topologies.before(0);
    const routing::Topology* before = world_.routers()[at].mirror.topologies.before(1);
    const RouterId target = world_.routers()[to].id;
    if (before == nullptr || before->ids != after.ids ||
        after.index_of(target) == routing::Topology::npos) {
        return next;
    }
    if (paths_.size() + 2 > kPathsMax) {
        paths_.clear();
    }
    const routing::Spf& now = paths(after, target);
    const routing::Spf& then = paths(*before, target);
    const std::size_t preference = flow % after.preferences;
    const auto same = [&](std::uint32_t index) {
        return now.distance[index] == then.distance[index] &&
               now.ties_of(index)[preference] == then.ties_of(index)[preference];
    };
    if (same(after.self) || same(after.index_of(world_.routers()[next].id))) {
        return next;
    }
    std::optional<std::size_t> best = next;
    std::uint32_t shortest = routing::kUnreachable;
    for (auto e = after.first[after.self]; e < after.first[after.self + std::size_t{1}]; ++e) {
        const routing::Topology::Edge& edge = after.edges[e];
        const bool crossed = after.ids[edge.to] == target || !after.no_transit[edge.to];
        if (crossed && same(edge.to) && now.distance[edge.to] != routing::kUnreachable &&
            now.distance[edge.to] + edge.cost < shortest) {
            shortest = now.distance[edge.to] + edge.cost;
            best = over(at, edge.adjacency);
        }
    }
    return best;
}

std::optional<std::size_t> Walker::next_from(std::size_t before,
                                             std::size_t at,
                                             std::size_t to,
                                             std::uint64_t flow) {
    auto there = next(at, to, flow);
    if (repair_ && there) {
        there = repaired(at, *there, to, flow);
    }
    return there && *there == before ? way_round(before, at, to, flow) : there;
}

// Brent's way to find a circle: a mark that is moved on after ever longer walks.
Walk Walker::go(std::size_t before, std::size_t from, std::size_t to, std::uint64_t flow) {
    std::pair<std::size_t, std::size_t> place = {before, from};
    auto mark = place;
    std::size_t since = 0;
    std::size_t patience = 4;
    while (place.second != to) {
        const auto there = next_from(place.first, place.second, to, flow);
        if (!there) {
            return {WalkEnd::kWaits, 0};
        }
        place = {place.second, *there};
        ++since;
        if (place == mark) {
            return {WalkEnd::kCircles, since};
        }
        if (since == patience) {
            mark = place;
            since = 0;
            patience *= 2;
        }
    }
    return {};
}

Walk Walker::walk(std::size_t from, std::size_t to, std::uint64_t flow) {
    return go(kNowhere, from, to, flow);
}

std::size_t Walker::longest_circle(std::size_t at, std::size_t to, std::uint64_t flow) {
    std::size_t longest = 0;
    for (const auto& [link, cable] : world_.routers()[at].cables) {
        const auto from = over(at, link);
        if (from) {
            longest = std::max(longest, go(*from, at, to, flow).circle);
        }
    }
    return std::max(longest, go(kNowhere, at, to, flow).circle);
}

bool Walker::goes_back(std::size_t at, std::size_t to, std::uint64_t flow) const {
    const auto there = next(at, to, flow);
    return there && *there != to && next(*there, to, flow) == at;
}

}  // namespace amqmesh::sim
