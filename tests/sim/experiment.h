// Measurements on one network, in simulated time: exact and repeatable on any machine.
#pragma once

#include "tests/sim/world.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace amqmesh::sim {

struct ExperimentOptions {
    std::size_t links_max = 100;  ///< at most so many links are failed, evenly chosen
    std::size_t changes = 60;     ///< random single changes made at the end
    std::uint64_t seed = 1;
    /// Called with a fraction of the work done.
    std::function<void(double)> progress = [](double) {};
};

struct Measured {
    std::string failure;  ///< empty: the truth was reached every time
    std::size_t routers = 0;
    std::size_t links = 0;
    Time boot = 0;                  ///< all started at once, to full routes everywhere
    std::vector<Time> after_reset;  ///< per failed link, to the last change of any route
    std::vector<Time> after_silence;
    Time worst_over_flood = 0;         ///< after_reset beyond the slowest first copy of the news
    double idle_bytes_per_second = 0;  ///< per link and direction, all control traffic
    double transmissions_per_lsp = 0;  ///< of one origination without change
    std::size_t flood_once_bound = 0;  ///< 2m - n + 1
    // Shortest paths, summed over all routers, while single links were cut, mended and changed
    // their cost at random.
    std::uint64_t spf_runs = 0;
    std::uint64_t spf_avoided = 0;
    std::uint64_t spf_without_effect = 0;  ///< of the runs: no route changed
    double wall_seconds_boot = 0;          ///< real time until all had started and were right
    double wall_seconds_per_failure = 0;   ///< real time one link failure took to simulate
};

Measured measure(const Graph& graph, const ExperimentOptions& options);

/// Nearest-rank percentile, 0 of nothing.
Time percentile(std::vector<Time> values, double fraction);

}  // namespace amqmesh::sim
