#include "tests/sim/check.h"

#include <algorithm>
#include <numeric>
#include <sstream>
#include <utility>

namespace amqmesh::sim {

namespace {

constexpr std::uint64_t kFar = ~std::uint64_t{0} / 4;

bool alive(const Router& router) {
    return router.node && !router.stopped && !router.paused;
}

bool usable(const World& world, const Cable& cable) {
    return cable.connected && cable.link[0] != 0 && cable.link[1] != 0 && !cable.pipe[0].stalled &&
           !cable.pipe[1].stalled && alive(world.routers()[cable.end[0]]) &&
           alive(world.routers()[cable.end[1]]);
}

// distance[from][to]; drained routers are reached, not crossed. Bellman and Ford's corrections, but
// only where something was corrected: worlds may have thousands of routers.
class Network {
  public:
    explicit Network(const World& world) : world_(world), hops_(world.routers().size()) {
        for (const Cable& cable : world.cables()) {
            if (usable(world, cable)) {
                const std::uint64_t cost = std::max(cable.cost[0], cable.cost[1]);
                hops_[cable.end[0]].emplace_back(cable.end[1], cost);
                hops_[cable.end[1]].emplace_back(cable.end[0], cost);
            }
        }
    }

    [[nodiscard]] std::vector<std::uint64_t> bellman_ford(std::size_t from) const {
        std::vector<std::uint64_t> distance(hops_.size(), kFar);
        distance[from] = 0;
        std::vector<std::size_t> corrected = {from};
        while (!corrected.empty()) {
            std::vector<std::size_t> next;
            for (const std::size_t a : corrected) {
                if (a != from && world_.routers()[a].draining) {
                    continue;
                }
                for (const auto& [b, cost] : hops_[a]) {
                    if (distance[a] + cost < distance[b]) {
                        distance[b] = distance[a] + cost;
                        next.push_back(b);
                    }
                }
            }
            std::sort(next.begin(), next.end());
            next.erase(std::unique(next.begin(), next.end()), next.end());
            corrected = std::move(next);
        }
        return distance;
    }

  private:
    const World& world_;
    std::vector<std::vector<std::pair<std::size_t, std::uint64_t>>> hops_;
};

class Comparison {
  public:
    explicit Comparison(const World& world)
        : world_(world), network_(world), distance_(world.routers().size()) {}

    std::string run() {
        const std::vector<std::size_t> component = components(world_);
        for (std::size_t i = 0; i < world_.routers().size(); ++i) {
            if (!alive(world_.routers()[i])) {
                continue;
            }
            for (std::size_t k = 0; k < world_.routers().size() && text_.view().empty(); ++k) {
                if (k != i) {
                    compare_route(i, k);
                    compare_addresses(i, k, component[i] == component[k]);
                }
            }
            if (text_.view().empty()) {
                compare_digests(i, component);
            }
            if (!text_.view().empty()) {
                break;
            }
        }
        return text_.str();
    }

  private:
    const std::vector<std::uint64_t>& distance(std::size_t from) {
        if (distance_[from].empty()) {
            distance_[from] = network_.bellman_ford(from);
        }
        return distance_[from];
    }

    [[nodiscard]] RouterId id(std::size_t router) const { return world_.routers()[router].id; }

    std::ostream& at(std::size_t router) {
        return text_ << "t=" << world_.now() << "us " << world_.routers()[router].name << ": ";
    }

    void compare_route(std::size_t i, std::size_t k) {
        const Router& router = world_.routers()[i];
        const auto route = router.mirror.routes.find(id(k));
        const bool has = route != router.mirror.routes.end();
        const bool should = alive(world_.routers()[k]) && distance(i)[k] < kFar;
        const std::string& to = world_.routers()[k].name;
        if (has != should) {
            at(i) << (has ? "has a route to unreachable " : "has no route to ") << to;
            return;
        }
        if (!has) {
            return;
        }
        if (route->second.first != distance(i)[k]) {
            at(i) << "route to " << to << " costs " << route->second.first << ", should "
                  << distance(i)[k];
            return;
        }
        for (const AdjacencyId hop : route->second.second) {
            const auto cable = router.cables.find(hop);
            if (cable == router.cables.end()) {
                at(i) << "route to " << to << " over dead link " << hop;
                return;
            }
            const Cable& wire = world_.cables()[cable->second.first];
            const std::size_t next = wire.end[1 - cable->second.second];
            const std::uint64_t cost = std::max(wire.cost[0], wire.cost[1]);
            // The rest of the way, as seen by a neighbour that is crossed or is the target.
            if (!usable(world_, wire) || cost + distance(next)[k] != distance(i)[k]) {
                at(i) << "route to " << to << " takes a detour by " << world_.routers()[next].name;
                return;
            }
        }
    }

    void compare_addresses(std::size_t i, std::size_t k, bool same_component) {
        if (!same_component) {
            return;  // masked by the missing route; the database may be older
        }
        const Mirror& mirror = world_.routers()[i].mirror;
        const Router& origin = world_.routers()[k];
        auto have = mirror.addresses.lower_bound({id(k), std::string()});
        for (const auto& [key, address] : origin.local) {
            const std::uint32_t weight = origin.draining ? 0 : address.weight;
            if (have == mirror.addresses.end() || have->first.first != id(k) ||
                have->first.second != key || have->second.weight != weight ||
                have->second.treatment != address.treatment) {
                at(i) << "address " << key << " of " << origin.name << " is wrong or missing";
                return;
            }
            ++have;
        }
        if (have != mirror.addresses.end() && have->first.first == id(k)) {
            at(i) << "address " << have->first.second << " of " << origin.name << " is stale";
        }
    }

    void compare_digests(std::size_t i, const std::vector<std::size_t>& component) {
        const std::size_t k = component[i];
        if (k == i) {
            return;
        }
        const routing::NodeView a = world_.routers()[i].node->summary();
        const routing::NodeView b = world_.routers()[k].node->summary();
        if (a.lsdb_digest != b.lsdb_digest || a.address_digest != b.address_digest) {
            at(i) << "database differs from that of " << world_.routers()[k].name;
        }
        const auto& mine = world_.routers()[i].mirror.topology;
        const auto& theirs = world_.routers()[k].mirror.topology;
        if (!mine || !theirs || mine->digest != theirs->digest) {
            at(i) << "topology differs from that of " << world_.routers()[k].name;
        }
    }

    const World& world_;
    const Network network_;
    std::vector<std::vector<std::uint64_t>> distance_;
    std::ostringstream text_;
};

}  // namespace

std::vector<std::size_t> components(const World& world) {
    std::vector<std::size_t> component(world.routers().size());
    std::iota(component.begin(), component.end(), std::size_t{0});
    for (bool changed = true; changed;) {
        changed = false;
        for (const Cable& cable : world.cables()) {
            if (!usable(world, cable)) {
                continue;
            }
            std::size_t& a = component[cable.end[0]];
            std::size_t& b = component[cable.end[1]];
            if (a != b) {
                a = b = std::min(a, b);
                changed = true;
            }
        }
    }
    return component;
}

bool connected(const World& world) {
    // A link that is dearer than its parallel one changes no route, so count them.
    const auto all_links_used = [](const Router& router) {
        const auto& topology = router.mirror.topology;
        return topology &&
               topology->first[topology->self + std::size_t{1}] - topology->first[topology->self] ==
                   router.cables.size();
    };
    for (const Router& router : world.routers()) {
        if (router.paused || (alive(router) && !all_links_used(router))) {
            return false;
        }
    }
    return std::all_of(world.cables().begin(), world.cables().end(), [&](const Cable& cable) {
        const bool possible = cable.up && alive(world.routers()[cable.end[0]]) &&
                              alive(world.routers()[cable.end[1]]);
        return !possible || (cable.connected && cable.link[0] != 0 && cable.link[1] != 0);
    });
}

std::vector<std::uint64_t> distances(const World& world, std::size_t from) {
    return Network(world).bellman_ford(from);
}

std::string difference(const World& world) {
    return Comparison(world).run();
}

std::string multicast_difference(const World& world) {
    const std::vector<std::size_t> component = components(world);
    const auto& routers = world.routers();
    const Network network(world);
    for (std::size_t origin = 0; origin < routers.size(); ++origin) {
        if (!alive(routers[origin])) {
            continue;
        }
        std::vector<std::size_t> copies(routers.size(), 0);
        std::vector<std::size_t> pending = {origin};
        copies[origin] = 1;
        while (!pending.empty()) {
            const Router& at = routers[pending.back()];
            pending.pop_back();
            const routing::MulticastTree tree =
                routing::compute_multicast_tree(*at.mirror.topology, routers[origin].id);
            for (const AdjacencyId child : tree.children) {
                const auto cable = at.cables.find(child);
                if (cable == at.cables.end()) {
                    return routers[origin].name + ": tree over a dead link at " + at.name;
                }
                const std::size_t next =
                    world.cables()[cable->second.first].end[1 - cable->second.second];
                if (++copies[next] == 1) {
                    pending.push_back(next);
                }
            }
        }
        const auto reach = network.bellman_ford(origin);
        for (std::size_t i = 0; i < routers.size(); ++i) {
            const std::size_t wanted = alive(routers[i]) && reach[i] < kFar ? 1 : 0;
            if (copies[i] != wanted) {
                return "multicast from " + routers[origin].name + " reaches " + routers[i].name +
                       " " + std::to_string(copies[i]) + " times";
            }
        }
    }
    return {};
}

}  // namespace amqmesh::sim
