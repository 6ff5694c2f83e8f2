#include "tests/sim/experiment.h"

#include "tests/sim/check.h"

#include <algorithm>
#include <chrono>
#include <queue>

namespace amqmesh::sim {

namespace {

using routing::kMillisecond;
using routing::kSecond;

// When the first copy of the news reaches the last router: both ends send it, along every way that
// is left.
Time flood_delay(const World& world, std::size_t failed) {
    using Entry = std::pair<Time, std::size_t>;
    std::vector<std::vector<Entry>> near(world.routers().size());
    for (std::size_t c = 0; c < world.cables().size(); ++c) {
        const Cable& cable = world.cables()[c];
        if (c != failed && cable.connected) {
            near[cable.end[0]].emplace_back(cable.delay, cable.end[1]);
            near[cable.end[1]].emplace_back(cable.delay, cable.end[0]);
        }
    }
    std::vector<Time> reached(world.routers().size(), ~Time{0});
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    for (const std::size_t end : world.cables()[failed].end) {
        reached[end] = 0;
        queue.emplace(0, end);
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
        : graph_(graph), options_(options), world_(graph, Options{}, options.seed) {}

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

    // One link at a time is cut, mended, or changes its cost; each long after the one before.
    void change_at_random() {
        const routing::NodeCounters before = counters();
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
        world_.run_for(1500 * kMillisecond);
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
            const Time bound = world_.cables()[cable].delay + flood_delay(world_, cable);
            measured_.worst_over_flood =
                std::max(measured_.worst_over_flood, took > bound ? took - bound : 0);
        }
        world_.stall(cable, 0, false);
        world_.stall(cable, 1, false);
        world_.set_up(cable, true);
        settle(120 * kSecond);
        world_.run_for(3 * kSecond);
    }

    const Graph& graph_;
    ExperimentOptions options_;
    World world_;
    Measured measured_;
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
