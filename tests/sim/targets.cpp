#include "tests/sim/targets.h"

#include "routing/forwarding_table.h"
#include "routing/spf.h"
#include "tests/sim/check.h"
#include "tests/sim/experiment.h"
#include "tests/sim/graph.h"
#include "tests/sim/world.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace amqmesh::sim {

namespace {

using routing::kMillisecond;
using routing::kSecond;

double ms(Time time) {
    return static_cast<double>(time) / 1000.0;
}

class Stopwatch {
  public:
    [[nodiscard]] double milliseconds() const {
        const std::chrono::duration<double, std::milli> spent =
            std::chrono::steady_clock::now() - begun_;
        return spent.count();
    }

  private:
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

double heap_bytes() {
    return static_cast<double>(mallinfo2().uordblks);
}

class Measurements {
  public:
    Measurements(const std::string& folder,
                 const std::function<void(const std::string&)>& progress,
                 std::string& failure)
        : folder_(folder), progress_(progress), failure_(failure) {}

    std::vector<Target> run() {
        for (const char* name : {"Abilene", "Geant2012", "Uunet", "Cogentco"}) {
            network(name);
        }
        changes("geo:100", geometric(100, 1));
        changes("random, 4.4 links per router", random_graph(100, 120, 1));
        changes("random, 6 links per router", random_graph(100, 200, 1));
        boot("ring:32", ring(32), 1000);
        fast_detection();
        spf();
        attach();
        reconnect();
        address_sync();
        memory();
        return targets_;
    }

  private:
    void add(std::string what, std::string unit, double limit, double measured) {
        targets_.push_back({std::move(what), std::move(unit), limit, measured});
    }

    void network(const std::string& name) {
        progress_(name);
        std::string error;
        const auto graph = parse_topology(folder_ + "/" + name + ".edges", error);
        if (!graph) {
            failure_ = error;
            return;
        }
        const Measured m = measure(*graph, {.links_max = 100});
        if (!m.failure.empty()) {
            failure_ = name + ": " + m.failure;
        }
        if (name == "Abilene") {
            add(name + ": start to all routes", "ms", 300, ms(m.boot));
        }
        reached_again(name, m);
        add(name + ": link reset, slowest, beyond its flood", "ms", 3, ms(m.worst_over_flood));
        add(name + ": link silent, slowest", "ms", 1000, ms(percentile(m.after_silence, 1.0)));
        add(name + ": stale routes to a dead router, longest, beyond the flood",
            "ms",
            3,
            ms(m.worst_stale_over_flood));
        add(name + ": copies sent of one link state",
            "",
            static_cast<double>(m.flood_once_bound),
            m.transmissions_per_lsp);
        add(name + ": idle, per link and direction", "B/s", 1000, m.idle_bytes_per_second);
        shortest_paths(name, m);
        add(name + ": loop-free alternate neighbour, of routers and destinations",
            "%",
            100,
            m.alternates);
        circles(name, m, "four paths");
        circles(name, measure(*graph, {.max_paths = 1, .links_max = 100}), "one path");
    }

    // The last broken pair repaired, in two ways. By messages that are under way: each meets a
    // router after the news that its sender had, so none has to wait; where the limit is from
    // ROUTING 2.1. And by the routes of all routers at one moment, as nobody meets them: there the
    // limit is what is said of every map, the flood and 3 ms.
    void reached_again(const std::string& name, const Measured& m) {
        const double flood = ms(m.slowest_flood) + 3;
        const double limit = name == "Abilene" ? 15 : name == "Geant2012" ? 12 : flood;
        add(name + ": link reset, no message waits any more after",
            "ms",
            limit,
            ms(m.flown.last_wait));
        add(name + ":   messages that were given up, or ran round",
            "",
            0,
            static_cast<double>(m.flown.given_up + m.flown.ran_round));
        add(name + ":   the same after a router's end",
            "",
            0,
            static_cast<double>(m.flown_after_crash.given_up + m.flown_after_crash.ran_round));
        if (!m.repaired.empty() && percentile(m.earliest, 1.0) > 0) {
            add(name + ":   all routes right at one moment, where they have to be",
                "ms",
                flood,
                ms(percentile(m.repaired, 1.0)));
            add(name + ":     earliest possible, by an oracle",
                "ms",
                flood,
                ms(percentile(m.earliest, 1.0)));
        }
    }

    // By the routes of one moment nothing runs round after the fault of a link.
    void circles(const std::string& name, const Measured& m, const std::string& paths) {
        if (!m.failure.empty()) {
            failure_ = name + ": " + m.failure;
        }
        add(name + ": routes that lead round after a link's fault, " + paths,
            "",
            0,
            static_cast<double>(m.circles));
    }

    // Heartbeats of 100 ms.
    void fast_detection() {
        progress_("fast detection");
        const Measured m = measure(ring(8), {.heartbeat_ms = 100, .links_max = 8, .changes = 0});
        if (!m.failure.empty()) {
            failure_ = "fast detection: " + m.failure;
        }
        add("ring:8, heartbeats of 100 ms: link silent, slowest",
            "ms",
            350,
            ms(percentile(m.after_silence, 1.0)));
    }

    // Of random changes of single links, summed over all routers. An oracle tells how many of them
    // change a route of the router: no filter can avoid those. In a network of n routers and m
    // links that is at least (n - 1) / m, as every router's tree has n - 1 links, and each of them
    // matters to it; so half of the runs can be avoided from about five links per router
    // on.
    void shortest_paths(const std::string& name, const Measured& m) {
        const double all = static_cast<double>(m.spf_runs + m.spf_avoided) / 100.0;
        const double needed = static_cast<double>(m.spf_needed) / all;
        add(name + ": shortest paths not avoided",
            "%",
            std::max(50.0, needed),
            static_cast<double>(m.spf_runs) / all);
        add(name + ":   needed, by an oracle", "%", 100, needed);
    }

    void changes(const std::string& name, const Graph& graph) {
        progress_(name);
        const Measured m = measure(graph, {.links_max = 1, .changes = 200});
        if (!m.failure.empty()) {
            failure_ = name + ": " + m.failure;
        }
        shortest_paths(name, m);
    }

    void boot(const std::string& name, const Graph& graph, double limit) {
        progress_(name);
        World world(graph, Options{}, 1);
        world.start_all();
        world.run_for(3 * kSecond);
        if (!difference(world).empty()) {
            failure_ = name + ": " + difference(world);
        }
        add(name + ": start to all routes", "ms", limit, ms(world.last_route_change()));
    }

    void spf() {
        for (const auto& [routers, limit] :
             {std::pair(1000, 0.15), std::pair(5000, 0.8), std::pair(10'000, 2.0)}) {
            progress_("shortest paths");
            const auto n = static_cast<std::size_t>(routers);
            const routing::Topology topology = as_topology(random_graph(n, n, 42));
            std::vector<Time> microseconds;
            for (int i = 0; i < 300; ++i) {
                const Stopwatch watch;
                const routing::Spf found = routing::compute_spf(topology, 1);
                microseconds.push_back(
                    found.distance.empty() ? 0 : static_cast<Time>(watch.milliseconds() * 1000.0));
            }
            const std::string name = "shortest paths, " + std::to_string(routers) + " routers";
            add(name + ", p50", "ms", limit, ms(percentile(microseconds, 0.5)));
            add(name + ", p99", "ms", limit, ms(percentile(microseconds, 0.99)));
        }
    }

    void attach() {
        progress_("consumer");
        World world(line(16), Options{}, 1);
        world.start_all();
        world.run_for(5 * kSecond);
        const Time begun = world.now();
        world.set_address(0, "consumer", Mirror::Address{});
        const auto& far = world.routers()[15].mirror.addresses;
        if (!world.run_until_true(kSecond, [&] { return !far.empty(); })) {
            failure_ = "an address did not cross a line";
        }
        add("consumer attached to known 15 hops off, beyond the delay",
            "ms",
            2,
            ms(world.now() - begun - 15 * kMillisecond));
    }

    // What is sent from the loss of the connection until it carries traffic again; alike on both
    // sides.
    void reconnect() {
        progress_("reconnect");
        World world(line(2), Options{}, 1);
        for (int i = 0; i < 10'000; ++i) {
            world.set_address(0, "address." + std::to_string(i), Mirror::Address{});
        }
        world.start_all();
        world.run_for(5 * kSecond);
        const std::uint64_t before = world.totals().frame_bytes;
        world.reset(0);
        world.run_until_true(kSecond, [&] { return world.routers()[0].mirror.routes.empty(); });
        const auto up = [&] {
            return !world.routers()[0].mirror.routes.empty() &&
                   !world.routers()[1].mirror.routes.empty();
        };
        if (!world.run_until_true(10 * kSecond, up)) {
            failure_ = "a reset link did not come back";
        }
        add("reconnect with 10,000 equal addresses, per direction",
            "B",
            1000,
            static_cast<double>(world.totals().frame_bytes - before) / 2);
    }

    void address_sync() {
        progress_("100,000 addresses");
        World world(line(2, 100), Options{}, 1);
        world.start(0);
        constexpr std::size_t kCount = 100'000;
        for (std::size_t i = 0; i < kCount; ++i) {
            world.set_address(
                0, "some.realistic.address.of.forty.bytes." + std::to_string(i), Mirror::Address{});
        }
        world.run_for(kSecond);
        const Stopwatch watch;
        world.start(1);
        const auto& known = world.routers()[1].mirror.addresses;
        world.run_until_true(30 * kSecond, [&] { return known.size() == kCount; });
        if (known.size() != kCount) {
            failure_ = "100,000 addresses did not arrive";
        }
        add("100,000 addresses to a new neighbour, real time", "ms", 500, watch.milliseconds());
        world.run_for(kSecond);
        const double before = heap_bytes();
        world.routers()[1].node.reset();
        add("memory per address of another router (40 B each)",
            "B",
            150,
            (before - heap_bytes()) / static_cast<double>(kCount));
    }

    void memory() {
        progress_("memory");
        const std::size_t n = 200;
        World world(geometric(n, 1), Options{}, 1);
        world.start_all();
        world.run_for(10 * kSecond);
        const double before = heap_bytes();
        for (Router& router : world.routers()) {
            router.node.reset();
        }
        add("memory per router known",
            "B",
            1000,
            (before - heap_bytes()) / static_cast<double>(n * n));
        bindings();
    }

    // A thousand addresses with consumers at each of a thousand routers: what that takes beyond the
    // same addresses with one, all routers being known.
    void bindings() {
        constexpr std::size_t kMany = 1000;
        routing::ForwardingTableBuilder builder(1, "self");
        const auto announce = [&](std::size_t first, std::size_t last, std::size_t addresses) {
            for (std::size_t address = 0; address < addresses; ++address) {
                const std::string key = "M0address." + std::to_string(address);
                for (std::size_t router = first; router < last; ++router) {
                    builder.set_remote(key, routing::Treatment::kClosest, 2 + router, 1, true);
                }
            }
        };
        routing::TableChange change;
        announce(0, kMany, 1);
        announce(0, 1, kMany);
        auto table = builder.publish(change);
        change = {};
        const double before = heap_bytes();
        announce(1, kMany, kMany);
        table = builder.publish(change);
        change = {};
        add("memory per binding of an address to a router",
            "B",
            4,
            (heap_bytes() - before) / static_cast<double>((kMany - 1) * (kMany - 1)));
    }

    const std::string& folder_;
    const std::function<void(const std::string&)>& progress_;
    std::string& failure_;
    std::vector<Target> targets_;
};

}  // namespace

std::vector<Target> measure_targets(const std::string& folder,
                                    const std::function<void(const std::string&)>& progress,
                                    std::string& failure) {
    return Measurements(folder, progress, failure).run();
}

}  // namespace amqmesh::sim
