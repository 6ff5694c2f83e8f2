#include "tests/sim/orders.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>

namespace amqmesh::sim {

namespace {

using routing::RouterId;
using routing::Time;

constexpr Time kHorizon = 700 * routing::kMillisecond;  // orders are looked at for so long
constexpr Time kQuiet = 5 * routing::kSecond;           // and then the truth must be known
constexpr std::size_t kFar = 1'000'000;

// What everybody should know, from the links that there are.
class Judge {
  public:
    Judge(const SmallWorld& world, const SmallMesh& mesh) : world_(world), mesh_(mesh) {}

    // A message that is not sent back where it came from must arrive or stop somewhere. To a router
    // that has just died the way may seem to lead round several others, until they all know: that
    // is what the hop limit is for.
    [[nodiscard]] std::string circles(const SmallState& state) const {
        for (std::size_t target = 0; target < world_.routers; ++target) {
            for (std::size_t from = 0; state.members[target] && from < world_.routers; ++from) {
                if (circles(state, from, target)) {
                    return "messages from " + SmallMesh::name(from) + " to " +
                           SmallMesh::name(target) + " go round";
                }
            }
        }
        return {};
    }

    [[nodiscard]] std::string difference(const SmallState& state) const {
        const auto distance = truth(state);
        for (std::size_t i = 0; i < world_.routers; ++i) {
            for (std::size_t k = 0; k < world_.routers; ++k) {
                if (i == k || !state.members[i] || !state.members[k]) {
                    continue;
                }
                const std::string wrong = compare(state, i, k, distance[i][k]);
                if (!wrong.empty()) {
                    return SmallMesh::name(i) + " and " + SmallMesh::name(k) + ": " + wrong;
                }
            }
        }
        return {};
    }

  private:
    [[nodiscard]] bool circles(const SmallState& state,
                               std::size_t from,
                               std::size_t target) const {
        std::size_t before = world_.routers;
        std::size_t at = from;
        for (std::size_t hops = 0; at != target && state.members[at]; ++hops) {
            const auto to = next(state, at, routing::router_id(SmallMesh::name(target)));
            if (!to || *to == before) {
                return false;
            }
            if (hops > world_.routers) {
                return true;
            }
            before = std::exchange(at, *to);
        }
        return false;
    }

    // Which router a next hop leads to; nothing when the link is gone.
    [[nodiscard]] std::optional<std::size_t> next(const SmallState& state,
                                                  std::size_t router,
                                                  RouterId to) const {
        const auto route = state.members[router]->routes.find(to);
        if (route == state.members[router]->routes.end()) {
            return std::nullopt;
        }
        for (std::size_t l = 0; l < state.links.size(); ++l) {
            for (std::size_t end = 0; end < 2; ++end) {
                if (state.links[l].adjacency[end] == route->second.second &&
                    state.links[l].carries) {
                    return mesh_.router_of(l, 1 - end);
                }
            }
        }
        return std::nullopt;
    }

    // Shortest distances by Floyd and Warshall; drained routers are reached, not crossed.
    [[nodiscard]] std::vector<std::vector<std::size_t>> truth(const SmallState& state) const {
        const std::size_t n = world_.routers;
        std::vector<std::vector<std::size_t>> distance(n, std::vector<std::size_t>(n, kFar));
        for (std::size_t i = 0; i < n; ++i) {
            distance[i][i] = 0;
        }
        for (std::size_t l = 0; l < state.links.size(); ++l) {
            const auto [a, b] = world_.links[l];
            if (state.links[l].carries) {
                const bool dear = mesh_.happened(state, {Happening::Kind::kCost, l});
                distance[a][b] = distance[b][a] = dear ? kDear : 1;
            }
        }
        for (std::size_t by = 0; by < n; ++by) {
            if (mesh_.happened(state, {Happening::Kind::kDrain, by})) {
                continue;
            }
            for (std::size_t i = 0; i < n; ++i) {
                for (std::size_t k = 0; k < n; ++k) {
                    distance[i][k] = std::min(distance[i][k], distance[i][by] + distance[by][k]);
                }
            }
        }
        return distance;
    }

    [[nodiscard]] std::string compare(const SmallState& state,
                                      std::size_t i,
                                      std::size_t k,
                                      std::size_t distance) const {
        const Member& a = *state.members[i];
        const Member& b = *state.members[k];
        const auto route = a.routes.find(b.node.id());
        const std::size_t found = route == a.routes.end() ? kFar : route->second.first;
        if (found != distance) {
            return "the route costs " + std::to_string(found) + ", should " +
                   std::to_string(distance);
        }
        if (distance == kFar) {
            return {};
        }
        const auto one = a.node.summary();
        const auto other = b.node.summary();
        if (one.lsdb_digest != other.lsdb_digest || one.address_digest != other.address_digest) {
            return "their databases differ";
        }
        if (a.graph != b.graph) {
            return "their graphs differ";
        }
        if (one.counters.antientropy_repairs + other.counters.antientropy_repairs > 0) {
            return "something had to be repaired";
        }
        const auto address = a.addresses.find({b.node.id(), "consumer"});
        const bool known = address != a.addresses.end();
        const bool draining = mesh_.happened(state, {Happening::Kind::kDrain, k});
        if (known != mesh_.happened(state, {Happening::Kind::kAddress, k}) ||
            (known && (address->second == 0) != draining)) {
            return "the consumer is wrong";
        }
        return {};
    }

    const SmallWorld& world_;
    const SmallMesh& mesh_;
};

class Explorer {
  public:
    explicit Explorer(const SmallWorld& world)
        : world_(world), mesh_(world), judge_(world, mesh_) {}

    Looked run() {
        SmallState state = mesh_.first_state();
        horizon_ = state.now + kHorizon;
        if (!world_.from_start) {
            fail("at the start: ", judge_.difference(state));
        }
        enter(std::move(state));
        // Depth first, with a stack of its own: orders are long.
        while (!path_.empty() && looked_.failure.empty() && looked_.complete) {
            Frame& top = path_.back();
            if (top.next == top.steps.size()) {
                path_.pop_back();
                continue;
            }
            SmallState after = top.state;
            mesh_.take(after, top.steps[top.next++]);
            ++looked_.steps;
            enter(std::move(after));
            looked_.complete = looked_.states < world_.states_max;
        }
        tell_order();
        return looked_;
    }

  private:
    struct Frame {
        SmallState state;
        std::vector<Step> steps;
        std::size_t next = 0;
    };

    void enter(SmallState&& state) {
        fail("", mesh_.failure());
        if (!seen_.insert(SmallMesh::digest(state)).second) {
            return;
        }
        ++looked_.states;
        looked_.longest = std::max(looked_.longest, path_.size());
        fail("", judge_.circles(state));
        std::vector<Step> steps = mesh_.choices(state, horizon_);
        if (steps.empty()) {
            ++looked_.ends;
            SmallState quiet = state;
            mesh_.settle(quiet, horizon_ + kQuiet);
            fail("at the end: ", judge_.difference(quiet));
        }
        path_.push_back({std::move(state), std::move(steps), 0});
    }

    void fail(const char* when, const std::string& why) {
        if (!why.empty() && looked_.failure.empty()) {
            looked_.failure = when + why;
        }
    }

    void tell_order() {
        if (looked_.failure.empty()) {
            return;
        }
        looked_.failure += "; order:";
        for (const Frame& frame : path_) {
            if (frame.next > 0) {
                looked_.failure += ' ' + mesh_.describe(frame.steps[frame.next - 1]);
            }
        }
    }

    const SmallWorld& world_;
    SmallMesh mesh_;
    Judge judge_;
    Looked looked_;
    Time horizon_ = 0;
    std::vector<Frame> path_;
    std::unordered_set<std::uint64_t> seen_;
};

bool whole(const SmallWorld::Links& links, std::size_t routers) {
    std::vector<std::size_t> component(routers);
    for (std::size_t i = 0; i < routers; ++i) {
        component[i] = i;
    }
    for (const auto& [a, b] : links) {
        std::replace(component.begin(),
                     component.end(),
                     std::size_t{component[b]},
                     std::size_t{component[a]});
    }
    return std::all_of(
        component.begin(), component.end(), [&](std::size_t c) { return c == component[0]; });
}

bool about_a_link(const Happening& happening) {
    return happening.kind <= Happening::Kind::kCost;
}

// A small world by other names: its links, and what happens (a link is told by its two routers, as
// only cost has an end, and that by the order of the names).
using Renamed = std::pair<SmallWorld::Links, std::vector<std::array<std::size_t, 3>>>;

Renamed rename(const SmallWorld& world, const std::vector<std::size_t>& names) {
    Renamed renamed;
    const auto link = [&](std::size_t l) {
        return std::minmax({names[world.links[l].first], names[world.links[l].second]});
    };
    for (std::size_t l = 0; l < world.links.size(); ++l) {
        renamed.first.push_back(link(l));
    }
    for (const Happening& happening : world.happenings) {
        const auto kind = static_cast<std::size_t>(happening.kind);
        if (about_a_link(happening)) {
            const auto [a, b] = link(happening.index);
            renamed.second.push_back({kind, a, b});
        } else {
            renamed.second.push_back({kind, names[happening.index], 0});
        }
    }
    std::sort(renamed.first.begin(), renamed.first.end());
    std::sort(renamed.second.begin(), renamed.second.end());
    return renamed;
}

// The first of all names by which the world can go: equal for worlds of the same shape.
Renamed shape_of(const SmallWorld& world) {
    std::vector<std::size_t> names(world.routers);
    for (std::size_t i = 0; i < world.routers; ++i) {
        names[i] = i;
    }
    Renamed first = rename(world, names);
    while (std::next_permutation(names.begin(), names.end())) {
        first = std::min(first, rename(world, names));
    }
    return first;
}

bool is_first(const SmallWorld& world) {
    std::vector<std::size_t> names(world.routers);
    for (std::size_t i = 0; i < world.routers; ++i) {
        names[i] = i;
    }
    return rename(world, names) == shape_of(world);
}

std::vector<Happening> all_happenings(const SmallWorld& world) {
    std::vector<Happening> all;
    for (const auto kind : {Happening::Kind::kLose,
                            Happening::Kind::kConnect,
                            Happening::Kind::kCost,
                            Happening::Kind::kDrain,
                            Happening::Kind::kAddress,
                            Happening::Kind::kCrash}) {
        const std::size_t count = about_a_link({kind, 0}) ? world.links.size() : world.routers;
        for (std::size_t i = 0; i < count; ++i) {
            all.push_back({kind, i});
        }
    }
    return all;
}

}  // namespace

Looked look_at_all_orders(const SmallWorld& world) {
    return Explorer(world).run();
}

std::vector<SmallWorld::Links> connected_shapes(std::size_t routers) {
    SmallWorld::Links all;
    for (std::size_t a = 0; a < routers; ++a) {
        for (std::size_t b = a + 1; b < routers; ++b) {
            all.emplace_back(a, b);
        }
    }
    std::vector<SmallWorld::Links> shapes;
    for (std::size_t chosen = 1; chosen < (std::size_t{1} << all.size()); ++chosen) {
        SmallWorld world = {.routers = routers, .links = {}, .happenings = {}};
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (((chosen >> i) & 1U) != 0) {
                world.links.push_back(all[i]);
            }
        }
        if (whole(world.links, routers) && is_first(world)) {
            shapes.push_back(world.links);
        }
    }
    return shapes;
}

std::vector<SmallWorld> small_worlds(std::size_t routers, std::size_t happenings) {
    std::vector<SmallWorld> worlds;
    for (const SmallWorld::Links& links : connected_shapes(routers)) {
        SmallWorld world = {.routers = routers, .links = links, .happenings = {}};
        const std::vector<Happening> all = all_happenings(world);
        for (std::size_t i = 0; i < all.size(); ++i) {
            world.happenings = {all[i]};
            if (happenings == 1 && is_first(world)) {
                worlds.push_back(world);
            }
            for (std::size_t k = i + 1; happenings == 2 && k < all.size(); ++k) {
                world.happenings = {all[i], all[k]};
                if (is_first(world)) {
                    worlds.push_back(world);
                }
            }
        }
    }
    return worlds;
}

std::string describe(const SmallWorld& world) {
    constexpr std::array<const char*, 6> kNames = {
        "lose", "connect", "cost", "drain", "address", "crash"};
    const auto link = [&](std::size_t l) {
        return SmallMesh::name(world.links[l].first) + SmallMesh::name(world.links[l].second);
    };
    std::string text = std::to_string(world.routers) + " routers";
    for (std::size_t l = 0; l < world.links.size(); ++l) {
        text += ' ' + link(l);
    }
    text += ':';
    for (const Happening& happening : world.happenings) {
        text += ' ';
        text += kNames[static_cast<std::size_t>(happening.kind)];
        text += ' ';
        text += about_a_link(happening) ? link(happening.index) : SmallMesh::name(happening.index);
    }
    return text;
}

}  // namespace amqmesh::sim
