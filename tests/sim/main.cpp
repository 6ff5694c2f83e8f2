// amqmesh-sim: measures the routing core on a network, and lives random lives of it.
#include "tests/sim/experiment.h"
#include "tests/sim/histogram.h"
#include "tests/sim/orders.h"
#include "tests/sim/playback.h"
#include "tests/sim/swarm.h"
#include "tests/sim/targets.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace amqmesh::sim {
namespace {

struct Arguments {
    std::string topology;
    std::uint64_t seeds = 0;
    std::uint64_t first_seed = 1;
    std::uint64_t replay = 0;
    std::size_t links = 100;
    std::uint32_t max_paths = 4;
    bool repair = false;
    bool no_return = false;
    std::size_t routers_min = 4;
    std::size_t routers_max = 24;
    double fault_seconds = 8;
    bool json = false;
    bool quiet = false;
    std::string svg;
    std::string targets;
    std::string recording;
    std::size_t orders = 0;
    std::size_t happenings = 1;
    std::size_t states = 200'000;
    double seconds = 0;  ///< 0: no limit
};

double ms(Time time) {
    return static_cast<double>(time) / 1000.0;
}

class Progress {
  public:
    explicit Progress(bool on) : on_(on && isatty(STDERR_FILENO) != 0) {}

    void show(const std::string& what, double fraction) {
        const int percent = static_cast<int>(fraction * 100);
        if (on_ && percent != shown_) {
            shown_ = percent;
            std::fprintf(stderr, "\r%s: %3d %%", what.c_str(), percent);
        }
    }

    void done() {
        if (on_ && shown_ >= 0) {
            std::fprintf(stderr, "\r%40s\r", "");
        }
        shown_ = -1;
    }

  private:
    bool on_;
    int shown_ = -1;
};

nlohmann::json spread(const std::vector<Time>& values) {
    return {{"count", values.size()},
            {"p50_ms", ms(percentile(values, 0.5))},
            {"p90_ms", ms(percentile(values, 0.9))},
            {"p99_ms", ms(percentile(values, 0.99))},
            {"max_ms", ms(percentile(values, 1.0))}};
}

nlohmann::json as_json(const Flown& flown) {
    return {{"cases", flown.messages},
            {"lost_with_the_link", flown.lost},
            {"sent_back", flown.sent_back},
            {"waited", flown.waited},
            {"given_up", flown.given_up},
            {"ran_round", flown.ran_round},
            {"longest_wait_ms", ms(flown.longest_wait)},
            {"last_wait_ms", ms(flown.last_wait)},
            {"longest_extra_ms", ms(flown.longest_extra)},
            {"most_hops", flown.most_hops}};
}

nlohmann::json as_json(const Measured& m) {
    return {{"routers", m.routers},
            {"links", m.links},
            {"loop_free_alternates_percent", m.alternates},
            {"boot_ms", ms(m.boot)},
            {"after_reset", spread(m.after_reset)},
            {"all_reached_again", spread(m.repaired)},
            {"earliest_possible", spread(m.earliest)},
            {"worst_over_flood_delay_ms", ms(m.worst_over_flood)},
            {"after_silence", spread(m.after_silence)},
            {"idle_bytes_per_second_per_link_and_direction", m.idle_bytes_per_second},
            {"transmissions_per_lsp", m.transmissions_per_lsp},
            {"flood_once_bound", m.flood_once_bound},
            {"spf_runs", m.spf_runs},
            {"spf_avoided", m.spf_avoided},
            {"spf_without_effect", m.spf_without_effect},
            {"spf_needed", m.spf_needed},
            {"goes_back", m.goes_back},
            {"circles", m.circles},
            {"circles_after_crash", m.circles_after_crash},
            {"circles_to_the_dead", m.circles_to_the_dead},
            {"under_way", as_json(m.flown)},
            {"under_way_after_crash", as_json(m.flown_after_crash)},
            {"after_crash", spread(m.stale_after_crash)},
            {"after_crash_over_flood_delay_ms", ms(m.worst_stale_over_flood)},
            {"wall_seconds_boot", m.wall_seconds_boot},
            {"wall_seconds_per_link_failure", m.wall_seconds_per_failure},
            {"failure", m.failure}};
}

void print_spread(const char* name, const std::vector<Time>& values) {
    std::printf("%-36s p50 %8.1f   p90 %8.1f   p99 %8.1f   max %8.1f ms   (%zu)\n",
                name,
                ms(percentile(values, 0.5)),
                ms(percentile(values, 0.9)),
                ms(percentile(values, 0.99)),
                ms(percentile(values, 1.0)),
                values.size());
}

void print(const char* name, const Flown& flown) {
    std::printf(
        "%-36s %llu cases: %llu lost with it, %llu sent back, %llu waited, %llu given up, "
        "%llu ran round\n",
        name,
        static_cast<unsigned long long>(flown.messages),
        static_cast<unsigned long long>(flown.lost),
        static_cast<unsigned long long>(flown.sent_back),
        static_cast<unsigned long long>(flown.waited),
        static_cast<unsigned long long>(flown.given_up),
        static_cast<unsigned long long>(flown.ran_round));
    std::printf("%-36s %.1f ms, the last one until %.1f ms; at most %.1f ms late, %zu hops\n",
                "  longest wait of one",
                ms(flown.longest_wait),
                ms(flown.last_wait),
                ms(flown.longest_extra),
                flown.most_hops);
}

void print(const Graph& graph, const Measured& m) {
    std::printf("%s: %zu routers, %zu links\n", graph.name.c_str(), m.routers, m.links);
    std::printf("%-36s %.1f %% of routers and destinations\n",
                "loop-free alternate neighbour",
                m.alternates);
    std::printf("%-36s %.1f ms\n", "start to all routes", ms(m.boot));
    print_spread("link lost with reset, all routes right", m.after_reset);
    print_spread("  every route leads there again", m.repaired);
    print_spread("    earliest possible", m.earliest);
    std::printf("%-36s %.1f ms\n", "  beyond the flood's own delay", ms(m.worst_over_flood));
    print_spread("link lost silently", m.after_silence);
    std::printf("%-36s %.0f bytes/s per link and direction\n",
                "idle control traffic",
                m.idle_bytes_per_second);
    std::printf("%-36s %.0f (flood-once bound %zu)\n",
                "transmissions of one LSP",
                m.transmissions_per_lsp,
                m.flood_once_bound);
    print_spread("router ended, all routes right", m.stale_after_crash);
    std::printf("%-36s %llu runs (%llu needed, %llu without effect), %llu avoided\n",
                "shortest paths, links changed",
                static_cast<unsigned long long>(m.spf_runs),
                static_cast<unsigned long long>(m.spf_needed),
                static_cast<unsigned long long>(m.spf_without_effect),
                static_cast<unsigned long long>(m.spf_avoided));
    std::printf("%-36s %llu times\n",
                "routes that lead back, at one moment",
                static_cast<unsigned long long>(m.goes_back));
    std::printf("%-36s %llu; router ended: %llu, to itself %llu\n",
                "routes that lead round, at one moment",
                static_cast<unsigned long long>(m.circles),
                static_cast<unsigned long long>(m.circles_after_crash),
                static_cast<unsigned long long>(m.circles_to_the_dead));
    print("messages under way, link lost", m.flown);
    print("messages under way, router ended", m.flown_after_crash);
    std::printf("%-36s %.3f s\n", "real time of the start", m.wall_seconds_boot);
    std::printf("%-36s %.3f s\n", "real time per link failure", m.wall_seconds_per_failure);
    if (!m.failure.empty()) {
        std::printf("FAILED: %s\n", m.failure.c_str());
    }
}

int run_experiment(const Arguments& arguments, const Graph& graph) {
    Progress progress(!arguments.quiet);
    ExperimentOptions options = {.links_max = arguments.links,
                                 .changes = std::min<std::size_t>(arguments.links, 60),
                                 .seed = arguments.first_seed};
    options.max_paths = arguments.max_paths;
    options.repair = arguments.repair;
    options.send_back = !arguments.no_return;
    options.progress = [&](double fraction) { progress.show("failing links", fraction); };
    const Measured measured = measure(graph, options);
    progress.done();
    if (arguments.json) {
        nlohmann::json out = as_json(measured);
        out["topology"] = graph.name;
        std::cout << out.dump(2) << '\n';
    } else {
        print(graph, measured);
    }
    if (!arguments.svg.empty()) {
        std::ofstream(arguments.svg)
            << histogram_svg("Time to right routes everywhere, " + graph.name,
                             {{"link lost with reset", measured.after_reset},
                              {"link lost silently", measured.after_silence}});
    }
    return measured.failure.empty() ? 0 : 1;
}

int run_targets(const Arguments& arguments) {
    const bool shown = !arguments.quiet && isatty(STDERR_FILENO) != 0;
    std::string failure;
    const std::vector<Target> targets = measure_targets(
        arguments.targets,
        [shown](const std::string& what) {
            if (shown) {
                std::fprintf(stderr, "\r%-40s", what.c_str());
            }
        },
        failure);
    if (shown) {
        std::fprintf(stderr, "\r%40s\r", "");
    }
    nlohmann::json rows = nlohmann::json::array();
    for (const Target& target : targets) {
        rows.push_back({{"what", target.what},
                        {"unit", target.unit},
                        {"at_most", target.limit},
                        {"measured", target.measured},
                        {"met", target.met()}});
        if (!arguments.json) {
            std::printf("%-60s %10.3f  (at most %g) %s%s\n",
                        target.what.c_str(),
                        target.measured,
                        target.limit,
                        target.unit.c_str(),
                        target.met() ? "" : "   NOT MET");
        }
    }
    if (arguments.json) {
        std::cout << nlohmann::json{{"targets", rows}, {"failure", failure}}.dump(2) << '\n';
    } else if (!failure.empty()) {
        std::printf("FAILED: %s\n", failure.c_str());
    }
    return failure.empty() ? 0 : 1;
}

int run_seeds(const Arguments& arguments, const Graph* graph) {
    SwarmOptions options = {
        .routers_min = arguments.routers_min,
        .routers_max = std::max(arguments.routers_min, arguments.routers_max),
        .faults_for = static_cast<Time>(arguments.fault_seconds * routing::kSecond),
        .graph = graph,
        .trace = arguments.replay != 0 && !arguments.quiet};
    const std::uint64_t first = arguments.replay != 0 ? arguments.replay : arguments.first_seed;
    const std::uint64_t count = arguments.replay != 0 ? 1 : arguments.seeds;
    Progress progress(!arguments.quiet && arguments.replay == 0);
    std::vector<Time> healed;
    nlohmann::json failures = nlohmann::json::array();
    SwarmResult sum;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const SwarmResult result = run_swarm(seed, options);
        sum.events += result.events;
        sum.faults += result.faults;
        sum.spf_runs += result.spf_runs;
        sum.spf_avoided += result.spf_avoided;
        sum.totals.flips += result.totals.flips;
        sum.totals.replays += result.totals.replays;
        sum.totals.forged += result.totals.forged;
        sum.totals.busy += result.totals.busy;
        if (result.failure.empty()) {
            healed.push_back(result.healed_in);
        } else {
            failures.push_back({{"seed", seed}, {"failure", result.failure}});
            std::fprintf(stderr,
                         "\nseed %llu FAILED: %s\n  replay: amqmesh-sim --seed %llu with the same "
                         "topology and router counts\n",
                         static_cast<unsigned long long>(seed),
                         result.failure.c_str(),
                         static_cast<unsigned long long>(seed));
        }
        progress.show("seeds", static_cast<double>(seed - first + 1) / static_cast<double>(count));
    }
    progress.done();
    if (arguments.json) {
        std::cout << nlohmann::json{{"seeds", count},
                                    {"first_seed", first},
                                    {"failures", failures},
                                    {"events", sum.events},
                                    {"faults", sum.faults},
                                    {"spf_runs", sum.spf_runs},
                                    {"spf_avoided", sum.spf_avoided},
                                    {"damaged", sum.totals.flips},
                                    {"replayed", sum.totals.replays},
                                    {"forged", sum.totals.forged},
                                    {"kept_waiting_by_slow_routers", sum.totals.busy},
                                    {"healed", spread(healed)}}
                         .dump(2)
                  << '\n';
    } else {
        std::printf("%llu seeds, %llu faults, %llu events, %zu failures\n",
                    static_cast<unsigned long long>(count),
                    static_cast<unsigned long long>(sum.faults),
                    static_cast<unsigned long long>(sum.events),
                    failures.size());
        std::printf(
            "messages: %llu damaged, %llu replayed, %llu forged, %llu kept waiting by slow "
            "routers\n",
            static_cast<unsigned long long>(sum.totals.flips),
            static_cast<unsigned long long>(sum.totals.replays),
            static_cast<unsigned long long>(sum.totals.forged),
            static_cast<unsigned long long>(sum.totals.busy));
        print_spread("healing, back-off and damping included", healed);
    }
    if (!arguments.svg.empty()) {
        std::ofstream(arguments.svg) << histogram_svg(
            "From the end of the faults to the truth everywhere", {{"all seeds", healed}});
    }
    return failures.empty() ? 0 : 1;
}

// Every order of messages and happenings in every mesh of 2 to so many routers.
int run_orders(const Arguments& arguments) {
    Progress progress(!arguments.quiet);
    nlohmann::json worlds = nlohmann::json::array();
    std::size_t failures = 0;
    std::size_t incomplete = 0;
    std::size_t states = 0;
    std::size_t steps = 0;
    std::size_t passed_over = 0;
    const auto begun = std::chrono::steady_clock::now();
    const auto over = [&] {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begun;
        return arguments.seconds > 0 && spent.count() > arguments.seconds;
    };
    for (std::size_t routers = 2; routers <= arguments.orders; ++routers) {
        const std::vector<SmallWorld> all = small_worlds(routers, arguments.happenings);
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (over()) {
                passed_over += all.size() - i;
                break;
            }
            SmallWorld world = all[i];
            world.states_max = arguments.states;
            const Looked looked = look_at_all_orders(world);
            states += looked.states;
            steps += looked.steps;
            incomplete += looked.complete ? 0U : 1U;
            failures += looked.failure.empty() ? 0U : 1U;
            worlds.push_back({{"world", describe(world)},
                              {"states", looked.states},
                              {"steps", looked.steps},
                              {"ends", looked.ends},
                              {"longest_order", looked.longest},
                              {"complete", looked.complete},
                              {"failure", looked.failure}});
            if (!looked.failure.empty()) {
                std::fprintf(
                    stderr, "%s FAILED: %s\n", describe(world).c_str(), looked.failure.c_str());
            }
            progress.show(std::to_string(routers) + " routers",
                          static_cast<double>(i + 1) / static_cast<double>(all.size()));
        }
    }
    progress.done();
    if (arguments.json) {
        std::cout << worlds.dump(2) << '\n';
    } else {
        std::printf(
            "%zu small worlds of %zu, %zu of them completely: %zu states, %zu steps, %zu "
            "failures\n",
            worlds.size(),
            worlds.size() + passed_over,
            worlds.size() - incomplete,
            states,
            steps,
            failures);
    }
    return failures == 0 ? 0 : 1;
}

// A life that amqmeshd recorded, once more.
int run_playback(const Arguments& arguments) {
    std::ifstream file(arguments.recording);
    if (!file) {
        std::fprintf(stderr, "amqmesh-sim: cannot read %s\n", arguments.recording.c_str());
        return 2;
    }
    OnStep tell;
    if (!arguments.quiet) {
        tell =
            [](std::size_t, const routing::RecordedEvent& event, const routing::Effects& effects) {
                std::printf("%s\n", in_words(event, effects).c_str());
            };
    }
    const Playback played = play(file, tell);
    std::printf("%zu events over %.3f s: ",
                played.steps,
                static_cast<double>(played.to - played.from) / routing::kSecond);
    if (played.failure.empty()) {
        std::printf("all outcomes as recorded\n");
        return 0;
    }
    std::printf("line %zu: %s\n", played.line, played.failure.c_str());
    return 1;
}

int run(int argc, char** argv) {
    Arguments arguments;
    CLI::App app(
        "Simulates Amqmesh's routing core: the same code as in the daemon, in simulated "
        "time.\nWithout --seeds or --seed: boots the network, fails its links one by one "
        "and reports.");
    app.add_option("--topology",
                   arguments.topology,
                   "FILE.edges, ring:N, line:N, mesh:N, star:N, grid:RxC or geo:N");
    app.add_option("--seeds", arguments.seeds, "live so many random lives, with faults");
    app.add_option("--first-seed", arguments.first_seed, "number of the first seed");
    app.add_option("--seed", arguments.replay, "replay one seed and say what happens");
    app.add_option("--links", arguments.links, "fail at most so many links");
    app.add_option("--paths", arguments.max_paths, "equal-cost ways that routers keep")
        ->check(CLI::Range(1, 8));
    app.add_flag("--no-return",
                 arguments.no_return,
                 "judge messages as if routers sent none back to where it came from");
    app.add_flag("--repair",
                 arguments.repair,
                 "judge messages as if routers repaired ways locally, which they do not");
    app.add_option("--routers-min", arguments.routers_min, "smallest random mesh")
        ->check(CLI::Range(2, 1000));
    app.add_option("--routers-max", arguments.routers_max, "biggest random mesh")
        ->check(CLI::Range(2, 1000));
    app.add_option("--fault-seconds", arguments.fault_seconds, "simulated time with faults")
        ->check(CLI::Range(0.1, 3600.0));
    app.add_option("--targets",
                   arguments.targets,
                   "measure everything that has a target; FOLDER holds the *.edges files")
        ->option_text("FOLDER");
    app.add_option("--playback",
                   arguments.recording,
                   "handle again what `amqmeshd --record` wrote, say what happened and compare")
        ->option_text("FILE");
    app.add_option("--orders",
                   arguments.orders,
                   "look at all orders of messages in every mesh of up to so many routers")
        ->check(CLI::Range(2, 4));
    app.add_option("--happenings", arguments.happenings, "things that happen in each: 1 or 2")
        ->check(CLI::Range(1, 2));
    app.add_option("--seconds", arguments.seconds, "begin no further mesh after so long");
    app.add_option("--states", arguments.states, "give a mesh up after so many different states");
    app.add_flag("--json", arguments.json, "report as JSON");
    app.add_flag("--quiet", arguments.quiet, "no progress, no trace");
    app.add_option("--svg", arguments.svg, "write a histogram of the times to this file");
    CLI11_PARSE(app, argc, argv);
    if (!arguments.targets.empty()) {
        return run_targets(arguments);
    }
    if (!arguments.recording.empty()) {
        return run_playback(arguments);
    }
    if (arguments.orders > 0) {
        return run_orders(arguments);
    }
    const bool random = arguments.seeds > 0 || arguments.replay > 0;
    if (arguments.topology.empty() && !random) {
        arguments.topology = "ring:16";
    }
    Graph graph;
    if (!arguments.topology.empty()) {
        std::string error;
        const auto parsed = parse_topology(arguments.topology, error);
        if (!parsed || parsed->edges.empty()) {
            std::fprintf(
                stderr, "amqmesh-sim: %s\n", parsed ? "the topology has no links" : error.c_str());
            return 2;
        }
        graph = *parsed;
    }
    if (random) {
        return run_seeds(arguments, arguments.topology.empty() ? nullptr : &graph);
    }
    return run_experiment(arguments, graph);
}

}  // namespace
}  // namespace amqmesh::sim

int main(int argc, char** argv) {
    return amqmesh::sim::run(argc, argv);
}
