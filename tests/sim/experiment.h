// Measurements on one network, in simulated time: exact and repeatable on any machine.
#pragma once

#include "tests/sim/flights.h"
#include "tests/sim/world.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace amqmesh::sim {

struct ExperimentOptions {
    std::uint32_t heartbeat_ms = 300;
    std::uint32_t max_paths = 4;  ///< as the daemon, unless it is told otherwise
    bool repair = false;          ///< messages are judged as with local repair (tests/sim/walk.h)
    bool send_back = true;        ///< as routers do (routing/detour.h)
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
    /// Of routers and destinations: percent where a neighbour beside the next hop is nearer to the
    /// destination than by way of the router (RFC 5286, inequality 1).
    double alternates = 0;
    Time boot = 0;                  ///< all started at once, to full routes everywhere
    std::vector<Time> after_reset;  ///< per failed link, to the last change of any route
    std::vector<Time> after_silence;
    std::vector<Time> repaired;  ///< per link reset: to the moment when every message got through
    std::vector<Time> earliest;  ///< likewise, and before which moment nobody could have done it
    Time slowest_flood = 0;      ///< of a reset link: when the last router can have heard of it
    Time worst_over_flood = 0;   ///< after_reset beyond the slowest first copy of the news
    double idle_bytes_per_second = 0;  ///< per link and direction, all control traffic
    double transmissions_per_lsp = 0;  ///< of one origination without change
    std::size_t flood_once_bound = 0;  ///< 2m - n + 1
    // Shortest paths, summed over all routers, while single links were cut, mended and changed
    // their cost at random.
    std::uint64_t spf_runs = 0;
    std::uint64_t spf_avoided = 0;
    std::uint64_t spf_without_effect = 0;  ///< of the runs: no route changed
    /// Of changes and routers: some cost or first hop of the router's changed, by an oracle that
    /// knows the real network. So many runs no filter can avoid.
    std::uint64_t spf_needed = 0;
    // What messages would do by the routes as they are, looked at whenever any route changed, for
    // every preference among equal paths (tests/sim/walk.h).
    std::uint64_t goes_back = 0;  ///< to the router it came from, which the bounce rule stops
    // Run round in spite of that rule: there is only the hop limit to end these.
    std::uint64_t circles = 0;              ///< after a link's fault, mending or new cost
    std::uint64_t circles_to_the_dead = 0;  ///< after a router's end: to that router
    std::uint64_t circles_after_crash = 0;  ///< after a router's end: to any other
    // The same, of messages under way (tests/sim/flights.h).
    Flown flown;                          ///< while the news of a reset link spread
    Flown flown_after_crash;              ///< of a router's end
    std::vector<Time> stale_after_crash;  ///< per router ended: until no route led to it
    Time worst_stale_over_flood = 0;      ///< of those, beyond the slowest of its neighbours' words
    double wall_seconds_boot = 0;         ///< real time until all had started and were right
    double wall_seconds_per_failure = 0;  ///< real time one link failure took to simulate
};

Measured measure(const Graph& graph, const ExperimentOptions& options);

/// Nearest-rank percentile, 0 of nothing.
Time percentile(std::vector<Time> values, double fraction);

}  // namespace amqmesh::sim
