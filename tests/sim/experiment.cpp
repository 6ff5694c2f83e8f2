#include "tests/sim/experiment.h"

#include "routing/hash.h"
#include "routing/spf.h"
#include "tests/sim/check.h"
#include "tests/sim/flights.h"
#include "tests/sim/walk.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <map>
#include <queue>
#include <utility>

namespace amqmesh::sim {

namespace {

using routing::kMillisecond;
using routing::kSecond;

constexpr Time kNever = ~Time{0};

// When the first copy of news from any of these routers reaches each router, along every way that
// is left; `without`: a cable that carries nothing.
std::vector<Time> flood_times(const World& world,
                              std::initializer_list<std::size_t> from,
                              std::size_t without = ~std::size_t{0}) {
    using Entry = std::pair<Time, std::size_t>;
    std::vector<std::vector<Entry>> near(world.routers().size());
    for (std::size_t c = 0; c < world.cables().size(); ++c) {
        const Cable& cable = world.cables()[c];
        if (cable.connected && c != without) {
            near[cable.end[0]].emplace_back(cable.delay, cable.end[1]);
            near[cable.end[1]].emplace_back(cable.delay, cable.end[0]);
        }
    }
    std::vector<Time> reached(world.routers().size(), kNever);
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    for (const std::size_t router : from) {
        reached[router] = 0;
        queue.emplace(0, router);
    }
    while (!queue.empty()) {
        const Entry top = queue.top();
        queue.pop();
        if (top.first != reached[top.second]) {
            continue;
        }
        for (const auto& [delay, to] : near[top.second]) {
            if (top.first + delay < reached[to]) {
                reached[to] = top.first + delay;
                queue.emplace(reached[to], to);
            }
        }
    }
    return reached;
}

Time flood_delay(const World& world, std::initializer_list<std::size_t> from) {
    Time last = 0;
    for (const Time time : flood_times(world, from)) {
        last = time == kNever ? last : std::max(last, time);
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
              options.seed),
          walker_(world_, options.repair),
          flights_(world_, options.max_paths, options.send_back) {
        for (std::size_t i = 0; i < world_.routers().size(); ++i) {
            place_[world_.routers()[i].id] = i;
        }
        world_.on_route([this](std::size_t router, const routing::RouteChange& change) {
            if (started_ && measured_.routers <= kJudgedMax && !change.next_hops.empty()) {
                look_for_circle(router, place_.at(change.router));
            }
            routes_changed_ = true;
        });
    }

    Measured run() {
        measured_.routers = graph_.nodes.size();
        measured_.links = graph_.edges.size();
        measured_.flood_once_bound = 2 * measured_.links - measured_.routers + 1;
        count_alternates();
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
            mend_all();
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
        started_ = true;
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

    // What a local repair could use, if there was one (it brings nothing: --repair).
    void count_alternates() {
        const routing::Topology graph = as_topology(graph_);
        std::vector<std::vector<std::uint32_t>> distance;
        for (std::uint32_t i = 0; i < graph.ids.size(); ++i) {
            distance.push_back(routing::compute_distances(graph, i));
        }
        std::uint64_t pairs = 0;
        std::uint64_t covered = 0;
        for (std::uint32_t from = 0; from < graph.ids.size(); ++from) {
            for (std::uint32_t to = 0; to < graph.ids.size(); ++to) {
                if (from != to && distance[from][to] != routing::kUnreachable) {
                    ++pairs;
                    covered += has_alternate(graph, distance, from, to) ? 1U : 0U;
                }
            }
        }
        measured_.alternates = 100.0 * static_cast<double>(covered) /
                               static_cast<double>(std::max<std::uint64_t>(pairs, 1));
    }

    // Beside the first neighbour on a shortest path.
    static bool has_alternate(const routing::Topology& graph,
                              const std::vector<std::vector<std::uint32_t>>& distance,
                              std::uint32_t from,
                              std::uint32_t to) {
        bool next_hop_passed = false;
        for (auto e = graph.first[from]; e < graph.first[from + std::size_t{1}]; ++e) {
            const routing::Topology::Edge& edge = graph.edges[e];
            const std::uint32_t beyond = distance[edge.to][to];
            if (!next_hop_passed && edge.cost + beyond == distance[from][to]) {
                next_hop_passed = true;
            } else if (beyond < distance[edge.to][from] + distance[from][to]) {
                return true;
            }
        }
        return false;
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

    // Nothing is promised for many changes at once.
    void mend_all() {
        mending_ = true;
        for (std::size_t cable = 0; cable < measured_.links; ++cable) {
            world_.set_up(cable, true);
        }
        settle(120 * kSecond);
        world_.run_for(3 * kSecond);
        mending_ = false;
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
        const Time earliest = silent ? Time{0} : earliest_repair(cable);
        if (silent) {
            world_.stall(cable, 0, true);
            world_.stall(cable, 1, true);
        } else {
            flights_.begin();
            world_.set_up(cable, false);
            flights_.look();
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
            measured_.earliest.push_back(earliest);
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

    // When this cable is cut now and both its ends notice at once: how soon every message could get
    // through again if the routers that have not heard of it kept to their routes, and those that
    // have did the best thing possible, all together. No protocol without repairs computed
    // beforehand is faster: news cannot travel faster than by the cables that are left.
    [[nodiscard]] Time earliest_repair(std::size_t cut) const {
        const std::size_t n = measured_.routers;
        if (n > kWatchedMax) {
            return 0;
        }
        const auto& end = world_.cables()[cut].end;
        const std::vector<Time> heard = flood_times(world_, {end[0], end[1]}, cut);
        std::vector<Time> times = heard;
        std::sort(times.begin(), times.end());
        Time earliest = 0;
        for (std::size_t to = 0; to < n; ++to) {
            const std::vector<Time> there = flood_times(world_, {to}, cut);
            for (std::uint32_t flow = 0; flow < options_.max_paths; ++flow) {
                const auto all_arrive = [&](Time now) {
                    const std::vector<bool> arrives = arriving(cut, to, flow, heard, now);
                    for (std::size_t i = 0; i < n; ++i) {
                        if (!arrives[i] && there[i] != kNever) {
                            return false;
                        }
                    }
                    return true;
                };
                for (const Time now : times) {
                    if (now >= earliest && all_arrive(now)) {
                        earliest = std::max(earliest, now);
                        break;
                    }
                }
            }
        }
        return earliest;
    }

    // From which routers messages can get to `to`: those that have heard use any cable.
    [[nodiscard]] std::vector<bool> arriving(std::size_t cut,
                                             std::size_t to,
                                             std::uint64_t flow,
                                             const std::vector<Time>& heard,
                                             Time now) const {
        std::vector<bool> arrives(measured_.routers, false);
        arrives[to] = true;
        for (bool more = true; more;) {
            more = false;
            for (std::size_t c = 0; c < world_.cables().size(); ++c) {
                const Cable& cable = world_.cables()[c];
                for (std::size_t i = 0; c != cut && cable.connected && i < 2; ++i) {
                    const std::size_t from = cable.end[i];
                    const std::size_t next = cable.end[1 - i];
                    if (!arrives[from] && arrives[next] &&
                        (heard[from] <= now || walker_.next_cable(from, to, flow) == c)) {
                        arrives[from] = more = true;
                    }
                }
            }
        }
        return arrives;
    }

    // Until when, from now on, some message would not get through though there is a way. Looking at
    // all pairs of routers after each change is for small networks.
    Time watch_repair(Time limit) {
        const Time begun = world_.now();
        const bool watched = measured_.routers <= kWatchedMax;
        Time repaired = begun;
        bool broken = watched && any_pair_broken();
        watch_flights(limit, measured_.flown, [&] {
            if (watched && std::exchange(routes_changed_, false)) {
                const bool still = any_pair_broken();
                if (broken && !still) {
                    repaired = world_.now();
                }
                broken = still;
            }
        });
        return repaired - begun;
    }

    // What becomes of messages from before now until `limit` has passed.
    template <typename AfterEach>
    void watch_flights(Time limit, Flown& flown, AfterEach after_each) {
        const bool judged = measured_.routers <= kJudgedMax;
        world_.run_until_true(limit, [&] {
            if (judged) {
                flights_.look();
            }
            after_each();
            return false;
        });
        if (judged) {
            flown.add(flights_.judge());
        }
    }

    // By any preference.
    [[nodiscard]] bool any_pair_broken() {
        const std::vector<std::size_t> component = components(world_);
        bool broken = false;
        for (std::size_t from = 0; from < measured_.routers; ++from) {
            for (std::size_t to = 0; to < measured_.routers; ++to) {
                for (std::uint32_t flow = 0; flow < options_.max_paths; ++flow) {
                    if (component[from] == component[to] && !arrives(from, to, flow)) {
                        broken = true;
                    }
                }
            }
        }
        return broken;
    }

    [[nodiscard]] bool arrives(std::size_t from, std::size_t to, std::uint64_t flow) {
        const Walk walk = walker_.walk(from, to, flow);
        if (walk.end == WalkEnd::kCircles) {
            count_circle(to);
        }
        return walk.end == WalkEnd::kArrives;
    }

    // What changed is one router's route: a new circle leads through it.
    void look_for_circle(std::size_t router, std::size_t to) {
        if (mending_) {
            return;
        }
        for (std::uint32_t flow = 0; flow < options_.max_paths; ++flow) {
            measured_.goes_back += walker_.goes_back(router, to, flow) ? 1U : 0U;
            if (walker_.longest_circle(router, to, flow) != 0) {
                count_circle(to);
            }
        }
    }

    void count_circle(std::size_t to) {
        if (dead_ == 0) {
            ++measured_.circles;
            measured_.failure = "messages to " + world_.routers()[to].name + " run round";
        } else {
            const bool itself = world_.routers()[to].id == dead_;
            ++(itself ? measured_.circles_to_the_dead : measured_.circles_after_crash);
        }
    }

    // The end of a router takes all its links.
    void crash(std::size_t router) {
        dead_ = world_.routers()[router].id;
        const Time crashed_at = world_.now();
        flights_.begin();
        world_.crash(router, false);
        flights_.look();
        watch_flights(1500 * kMillisecond, measured_.flown_after_crash, [] {});
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
    static constexpr std::size_t kJudgedMax = 250;

    const Graph& graph_;
    ExperimentOptions options_;
    World world_;
    Walker walker_;
    Flights flights_;
    std::map<RouterId, std::size_t> place_;
    Measured measured_;
    bool routes_changed_ = false;
    bool mending_ = false;
    bool started_ = false;  ///< all of them: from now on one thing happens at a time
    RouterId dead_ = 0;     ///< the router that has just been ended, and what follows from it
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
