// Real time of the routing core's parts. Targets (ROUTING 2.1): shortest paths over 1k/5k/10k
// routers in 0.15/0.8/2 ms; 100,000 addresses to a new neighbour in 0.5 s.
//   taskset -c 0 routing_bench --benchmark_repetitions=31 --benchmark_report_aggregates_only=true
#include "routing/codec.h"
#include "routing/hash.h"
#include "routing/origin_addresses.h"
#include "routing/own_addresses.h"
#include "routing/spf.h"
#include "tests/sim/check.h"
#include "tests/sim/graph.h"
#include "tests/sim/world.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

namespace amqmesh::routing {
namespace {

// Connected, average degree 4, costs 1..10.
Topology random_topology(std::size_t n) {
    return sim::as_topology(sim::random_graph(n, n, 42));
}

void shortest_paths(benchmark::State& state) {
    const Topology topology = random_topology(static_cast<std::size_t>(state.range(0)));
    const auto paths = static_cast<std::uint32_t>(state.range(1));
    for (auto _ : state) {
        benchmark::DoNotOptimize(compute_spf(topology, paths));
    }
}

BENCHMARK(shortest_paths)
    ->ArgsProduct({{1000, 5000, 10'000}, {1, 4}})
    ->Unit(benchmark::kMicrosecond);

void multicast_tree(benchmark::State& state) {
    const Topology topology = random_topology(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(compute_multicast_tree(topology, topology.ids.back()));
    }
}

BENCHMARK(multicast_tree)->Arg(200)->Arg(1000)->Unit(benchmark::kMicrosecond);

Lsp four_links() {
    Lsp lsp = {.rid = 1, .incarnation = 1, .seq = 1, .life = 1, .name = "router", .area = "0"};
    for (std::uint32_t i = 1; i <= 4; ++i) {
        lsp.links.push_back({i * 1000, 1, i, i});
    }
    return lsp;
}

void encode_four_link_lsp(benchmark::State& state) {
    const Lsp lsp = four_links();
    for (auto _ : state) {
        benchmark::DoNotOptimize(encode_lsp(lsp));
    }
    state.counters["bytes"] = static_cast<double>(encode_lsp(lsp).size());
}

BENCHMARK(encode_four_link_lsp);

void decode_four_link_lsp(benchmark::State& state) {
    const std::string body = encode_lsp(four_links());
    Lsp lsp;
    for (auto _ : state) {
        benchmark::DoNotOptimize(hash_bytes(body));
        benchmark::DoNotOptimize(decode_lsp(body, Limits{}, lsp));
    }
}

BENCHMARK(decode_four_link_lsp);

// All of it: two nodes, codec and hashes on both sides, the driver's copy of the table.
void address_sync(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        state.PauseTiming();
        sim::World world(sim::line(2, 100), sim::Options{}, 1);
        world.start(0);
        for (std::size_t i = 0; i < count; ++i) {
            world.set_address(0,
                              "some.realistic.address.of.forty.bytes." + std::to_string(i),
                              sim::Mirror::Address{});
        }
        world.run_for(kSecond);
        state.ResumeTiming();
        world.start(1);
        while (world.routers()[1].mirror.addresses.size() < count) {
            world.run_for(kMillisecond);
        }
    }
}

// One consumer goes and another comes at a router that has many: origin and one other router.
void address_churn(benchmark::State& state) {
    const auto count = static_cast<std::uint64_t>(state.range(0));
    const Limits limits;
    OwnAddresses own;
    OriginAddresses origin;
    OriginAddresses follower;
    std::vector<AddressDiff> diffs;
    std::uint64_t seq = 0;
    Time now = kSecond;
    const auto set = [&](std::uint64_t number, bool present) {
        own.on_change(now,
                      {"some.realistic.address.of.forty.bytes." + std::to_string(number),
                       Treatment::kBalanced,
                       1,
                       present},
                      limits);
    };
    const auto spread = [&] {
        now += 10 * kMillisecond;
        own.flush(now, 1, 1, origin);
        for (const auto* step : origin.steps_after(seq)) {
            AddressDelta delta;
            decode_delta(step->body, limits, delta);
            follower.apply_step(delta, step->body, limits, diffs);
        }
        seq = origin.seq();
        diffs.clear();
    };
    for (std::uint64_t number = 0; number < count; ++number) {
        set(number, true);
        if (number % 1000 == 999) {
            spread();
        }
    }
    std::uint64_t next = count;
    for (auto _ : state) {
        set(next - count + 1, false);
        set(next++, true);
        spread();
    }
    if (follower.content() != origin.content() || follower.size() != count) {
        state.SkipWithError("the tables differ");
    }
}

BENCHMARK(address_churn)->Arg(100'000)->Arg(250'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(address_sync)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace amqmesh::routing
