#include "tests/sim/experiment.h"

#include "routing/hash.h"
#include "tests/sim/check.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <optional>
#include <queue>
#include <utility>

namespace amqmesh::sim {

namespace {

using routing::kMillisecond;
using routing::kSecond;

// When the first copy of news from any of these routers reaches the last one, along every way that
// is left.
Time flood_delay(const World& world, std::initializer_list<std::size_t> from) {
    using Entry = std::pair<Time, std::size_t>;
    std::vector<std::vector<Entry>> near(world.routers().size());
    for (std::size_t c = 0; c < world.cables().size(); ++c) {
        const Cable& cable = world.cables()[c];
        if (cable.connected) {
            near[cable.end[0]].emplace_back(cable.delay, cable.end[1]);
            near[cable.end[1]].emplace_back(cable.delay, cable.end[0]);
        }
    }
    std::vector<Time> reached(world.routers().size(), ~Time{0});
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    for (const std::size_t router : from) {
        reached[router] = 0;
        queue.emplace(0, router);
    }
    Time last = 0;
    while (!queue.empty()) {
        const Entry top = queue.top();
        queue.pop();
        if (top.first != reached[top.second]) {
            continue;
        }
        last = top.first;
        for (const auto& [delay, to] : near[top.second]) {
            if (top.first + delay < reached[to]) {
                reached[to] = top.first + delay;
                queue.emplace(reached[to], to);
            }
        }
    }
    return last;
}

class Experiment {
  public:
    Experiment(const Graph& graph, const ExperimentOptions& options)
        : graph_(graph),
          options_(options),
          world_(
              graph,
              {.heartbeat_ms = options.heartbeat_ms, .max_paths = options.max_paths, .limits = {}},
              options.seed) {
        world_.on_route([this](std::size_t router, const routing::RouteChange& change) {
            look_for_circle(router, change);
            routes_changed_ = true;
        });
    }

    Measured run() {
        measured_.routers = graph_.nodes.size();
        measured_.links = graph_.edges.size();
        measured_.flood_once_bound = 2 * measured_.links - measured_.routers + 1;
        boot();
        idle();
        flood();
        const std::size_t count = std::min(options_.links_max, measured_.links);
        for (std::size_t i = 0; i < count && measured_.failure.empty(); ++i) {
            const std::size_t cable = i * measured_.links / count;
            fail(cable, false);
            fail(cable, true);
            options_.progress(static_cast<double>(i + 1) / static_cast<double>(count));
        }
        if (measured_.failure.empty()) {
            change_at_random();
        }
        const std::size_t routers = std::min({options_.links_max, measured_.routers, kCrashesMax});
        for (std::size_t i = 0; i < routers && measured_.failure.empty(); ++i) {
            crash(i * measured_.routers / routers);
        }
        return measured_;
    }

  private:
    bool settle(Time limit) {
        const Time end = world_.now() + limit;
        for (Time step = 10 * kMillisecond; world_.now() < end;
             step = std::min(step * 2, kSecond)) {
            world_.run_for(step);
            if (connected(world_) && difference(world_).empty()) {
                return true;
            }
        }
        measured_.failure = connected(world_) ? difference(world_) : "a cable is not connected";
        return false;
    }

    void boot() {
        const auto wall = std::chrono::steady_clock::now();
        world_.start_all();
        if (settle(60 * kSecond)) {
            measured_.boot = world_.last_route_change();
        }
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - wall;
        measured_.wall_seconds_boot = spent.count();
        world_.run_for(4 * kSecond);
    }

    [[nodiscard]] std::uint64_t bytes() const {
        std::uint64_t sum = 0;
        for (const Cable& cable : world_.cables()) {
            sum += cable.total_bytes;
        }
        return sum;
    }

    void idle() {
        const std::uint64_t before = bytes();
        world_.run_for(10 * kSecond);
        measured_.idle_bytes_per_second =
            static_cast<double>(bytes() - before) / 10.0 / 2.0 /
            static_cast<double>(std::max<std::size_t>(measured_.links, 1));
    }

    [[nodiscard]] std::uint64_t lsps_sent() const {
        std::uint64_t sum = 0;
        for (const Router& router : world_.routers()) {
            sum += router.node->summary().counters.lsp_sent;
        }
        return sum;
    }

    // One new LSP with no other news: undoing a drain that was never on says nothing, so turn it
    // on.
    void flood() {
        const std::uint64_t before = lsps_sent();
        world_.drain(0, true);
        world_.run_for(4 * kSecond);
        measured_.transmissions_per_lsp = static_cast<double>(lsps_sent() - before);
        world_.drain(0, false);
        world_.run_for(4 * kSecond);
    }

    // Of each router: what its routes should be, costs and all equal first hops, by the oracle.
    [[nodiscard]] std::vector<std::uint64_t> true_routes() const {
        std::vector<std::vector<std::uint64_t>> distance;
        std::vector<routing::Hasher> routes(measured_.routers);
        for (std::size_t i = 0; i < measured_.routers; ++i) {
            distance.push_back(distances(world_, i));
            for (const std::uint64_t one : distance.back()) {
                routes[i].add(one);
            }
        }
        for (std::size_t c = 0; c < world_.cables().size(); ++c) {
            const Cable& cable = world_.cables()[c];
            const std::uint64_t cost = std::max(cable.cost[0], cable.cost[1]);
            for (std::size_t end = 0; cable.connected && end < 2; ++end) {
                const std::size_t from = cable.end[end];
                for (std::size_t to = 0; to < measured_.routers; ++to) {
                    if (cost + distance[cable.end[1 - end]][to] == distance[from][to]) {
                        routes[from].add(c).add(to);
                    }
                }
            }
        }
        std::vector<std::uint64_t> digests;
        for (const routing::Hasher& hasher : routes) {
            digests.push_back(hasher.value());
        }
        return digests;
    }

    // One link at a time is cut, mended, or changes its cost; each long after the one before.
    void change_at_random() {
        const routing::NodeCounters before = counters();
        std::vector<std::uint64_t> known = true_routes();
        for (std::size_t i = 0; i < options_.changes; ++i) {
            const std::size_t cable = world_.random().below(measured_.links);
            const bool up = world_.cables()[cable].up;
            if (up && world_.random().chance(0.5)) {
                world_.set_cost(cable,
                                world_.random().below(2),
                                static_cast<Cost>(world_.random().between(1, 20)));
            } else {
                world_.set_up(cable, !up);
            }
            world_.run_for(8 * kSecond);
            std::vector<std::uint64_t> now = true_routes();
            for (std::size_t router = 0; router < known.size(); ++router) {
                measured_.spf_needed += now[router] != known[router] ? 1U : 0U;
            }
            known = std::move(now);
        }
        const routing::NodeCounters after = counters();
        measured_.spf_runs = after.spf_runs - before.spf_runs;
        measured_.spf_avoided = after.spf_avoided - before.spf_avoided;
        measured_.spf_without_effect = after.spf_without_effect - before.spf_without_effect;
    }

    [[nodiscard]] routing::NodeCounters counters() const {
        routing::NodeCounters sum;
        for (const Router& router : world_.routers()) {
            const routing::NodeCounters one = router.node->summary().counters;
            sum.spf_runs += one.spf_runs;
            sum.spf_avoided += one.spf_avoided;
            sum.spf_without_effect += one.spf_without_effect;
        }
        return sum;
    }

    void fail(std::size_t cable, bool silent) {
        const auto wall = std::chrono::steady_clock::now();
        const Time failed_at = world_.now();
        if (silent) {
            world_.stall(cable, 0, true);
            world_.stall(cable, 1, true);
        } else {
            world_.set_up(cable, false);
        }
        const Time repaired = silent ? Time{0} : watch_repair(1500 * kMillisecond);
        world_.run_until(failed_at + 1500 * kMillisecond);
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - wall;
        const std::string wrong = difference(world_);
        if (!wrong.empty()) {
            measured_.failure = wrong;
            return;
        }
        const Time took = std::max(world_.last_route_change(), failed_at) - failed_at;
        if (silent) {
            measured_.after_silence.push_back(took);
        } else {
            measured_.wall_seconds_per_failure =
                std::max(measured_.wall_seconds_per_failure, spent.count());
            measured_.after_reset.push_back(took);
            measured_.repaired.push_back(repaired);
            const Cable& lost = world_.cables()[cable];
            const Time bound = lost.delay + flood_delay(world_, {lost.end[0], lost.end[1]});
            measured_.slowest_flood = std::max(measured_.slowest_flood, bound);
            measured_.worst_over_flood =
                std::max(measured_.worst_over_flood, took > bound ? took - bound : 0);
        }
        world_.stall(cable, 0, false);
        world_.stall(cable, 1, false);
        world_.set_up(cable, true);
        settle(120 * kSecond);
        world_.run_for(3 * kSecond);
    }

    // Until when, from now on, some message would not get through though there is a way. Looking at
    // all pairs of routers after each change is for small networks.
    Time watch_repair(Time limit) {
        const Time begun = world_.now();
        if (measured_.routers > kWatchedMax) {
            return 0;
        }
        Time repaired = begun;
        bool broken = any_pair_broken();
        world_.run_until_true(limit, [&] {
            if (std::exchange(routes_changed_, false)) {
                const bool still = any_pair_broken();
                if (broken && !still) {
                    repaired = world_.now();
                }
                broken = still;
            }
            return false;
        });
        return repaired - begun;
    }

    [[nodiscard]] bool any_pair_broken() const {
        const std::vector<std::size_t> component = components(world_);
        for (std::size_t from = 0; from < measured_.routers; ++from) {
            for (std::size_t to = 0; to < measured_.routers; ++to) {
                if (component[from] == component[to] && !arrives(from, to)) {
                    return true;
                }
            }
        }
        return false;
    }

    // Whether a message gets there by the routes as they are; what would go back where it came from
    // has to wait.
    [[nodiscard]] bool arrives(std::size_t from, std::size_t to) const {
        std::size_t before = measured_.routers;
        std::size_t at = from;
        for (std::size_t hops = 0; at != to; ++hops) {
            const std::optional<std::size_t> next = next_router(at, world_.routers()[to].id);
            if (!next || *next == before || hops > measured_.routers) {
                return false;
            }
            before = std::exchange(at, *next);
        }
        return true;
    }

    // Nothing: no route, or over a connection that is gone.
    [[nodiscard]] std::optional<std::size_t> next_router(std::size_t at, RouterId target) const {
        const Router& here = world_.routers()[at];
        const auto route = here.mirror.routes.find(target);
        if (!here.node || route == here.mirror.routes.end()) {
            return std::nullopt;
        }
        const auto hop = here.cables.find(route->second.second.front());
        if (hop == here.cables.end() || !world_.cables()[hop->second.first].connected) {
            return std::nullopt;
        }
        return world_.cables()[hop->second.first].end[1 - hop->second.second];
    }

    // Where a message for the changed route's target goes from here, all others standing as they
    // are: a new circle can only lead through this router.
    void look_for_circle(std::size_t router, const routing::RouteChange& change) {
        std::size_t at = router;
        for (std::size_t hops = 1; hops <= measured_.routers; ++hops) {
            const std::optional<std::size_t> next = next_router(at, change.router);
            if (!next || world_.routers()[*next].id == change.router) {
                return;
            }
            at = *next;
            if (at == router) {
                count_circle(hops, change.router);
                return;
            }
        }
    }

    void count_circle(std::size_t routers, RouterId target) {
        if (routers == 2) {
            ++measured_.circles_of_two;
        } else if (dead_ == 0) {
            ++measured_.circles;
        } else {
            ++(target == dead_ ? measured_.circles_to_the_dead : measured_.circles_after_crash);
        }
    }

    // The end of a router takes all its links.
    void crash(std::size_t router) {
        dead_ = world_.routers()[router].id;
        const Time crashed_at = world_.now();
        world_.crash(router, false);
        world_.run_for(1500 * kMillisecond);
        const Time took = std::max(world_.last_route_change(), crashed_at) - crashed_at;
        measured_.failure = difference(world_);
        if (!measured_.failure.empty()) {  // somebody's renewal may be on its way just now
            world_.run_for(kSecond);
            measured_.failure = difference(world_);
        }
        // Each neighbour notices by itself, and all of their words are needed.
        Time bound = 0;
        for (const Cable& cable : world_.cables()) {
            for (std::size_t end = 0; end < 2; ++end) {
                if (cable.end[end] == router) {
                    const Time word = cable.delay + flood_delay(world_, {cable.end[1 - end]});
                    bound = std::max(bound, word);
                }
            }
        }
        measured_.stale_after_crash.push_back(took);
        measured_.worst_stale_over_flood =
            std::max(measured_.worst_stale_over_flood, took > bound ? took - bound : 0);
        world_.start(router);
        if (measured_.failure.empty()) {
            settle(120 * kSecond);
        }
        world_.run_for(3 * kSecond);
        dead_ = 0;
    }

    static constexpr std::size_t kCrashesMax = 30;
    static constexpr std::size_t kWatchedMax = 60;

    const Graph& graph_;
    ExperimentOptions options_;
    World world_;
    Measured measured_;
    bool routes_changed_ = false;
    RouterId dead_ = 0;  ///< the router that has just been ended, and what follows from it
};

}  // namespace

Measured measure(const Graph& graph, const ExperimentOptions& options) {
    return Experiment(graph, options).run();
}

Time percentile(std::vector<Time> values, double fraction) {
    if (values.empty()) {
        return 0;
    }
    std::sort(values.begin(), values.end());
    const auto rank = static_cast<std::size_t>(fraction * static_cast<double>(values.size()));
    return values[std::min(rank, values.size() - 1)];
}

}  // namespace amqmesh::sim
