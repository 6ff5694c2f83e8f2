// One random life of a random mesh, all of it drawn from one seed.
//
// Safety phase:   faults of every kind the seed has chosen (some seeds leave kinds out), with the
//                 nodes' own invariants checked all the way.
// Liveness phase: everything is healed, and within a stated time every router must know exactly the
//                 truth, deliver each multicast exactly once, and then stay quiet.
#pragma once

#include "tests/sim/world.h"

#include <cstdint>
#include <optional>
#include <string>

namespace amqmesh::sim {

struct SwarmOptions {
    std::size_t routers_min = 4;
    std::size_t routers_max = 24;
    Time faults_for = 8 * routing::kSecond;
    Time pause_max = 400 * routing::kMillisecond;  ///< longest mean time between faults
    Time quiet_for = 4 * routing::kSecond;         ///< watched at the end
    std::uint64_t storm_max = 2000;                ///< addresses changed at once
    bool corruption = true;                        ///< bit flips and replays in one of four seeds
    /// Slow routers, uneven heartbeats and forged link states, each in some seeds. Without, seeds
    /// tell what they told before these came.
    bool more = true;
    const Graph* graph = nullptr;  ///< not owned; instead of a random one
    bool trace = false;            ///< say on stdout what is done, and when
};

struct SwarmResult {
    std::string failure;  ///< empty: all held
    std::size_t routers = 0;
    std::size_t cables = 0;
    std::uint64_t digest = 0;
    std::uint64_t events = 0;
    std::uint64_t faults = 0;
    Time healed_in = 0;  ///< from the end of the faults to the truth everywhere
    std::uint64_t spf_runs = 0;
    std::uint64_t spf_avoided = 0;
    std::uint64_t repairs = 0;
    bool corrupted = false;
    Totals totals;
    routing::Marks marks = {};
};

SwarmResult run_swarm(std::uint64_t seed, const SwarmOptions& options);

}  // namespace amqmesh::sim
