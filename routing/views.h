// Read-only copies of the core's state, for management and tests.
#pragma once

#include "routing/marks.h"
#include "routing/types.h"

#include <cstdint>
#include <string>
#include <vector>

namespace amqmesh::routing {

enum class AdjacencyState : std::uint8_t { kDown, kInit, kTwoWay, kSync, kFull };

const char* to_string(AdjacencyState state);

struct AdjacencyView {
    AdjacencyId link = 0;
    RouterId peer = 0;
    std::string peer_name;
    AdjacencyState state = AdjacencyState::kDown;
    Cost cost = 1;            ///< ours
    Cost peer_cost = 1;       ///< the peer's
    Time since = 0;           ///< when the state was entered
    std::uint64_t flaps = 0;  ///< of this neighbour, over all its links
    Time held_until = 0;      ///< damping: not counted as up before
};

struct LinkStateView {
    RouterId router = 0;
    std::string name;
    std::uint64_t incarnation = 0;
    std::uint64_t sequence = 0;
    std::uint32_t lifetime_s = 0;
    std::uint32_t flags = 0;
    std::uint32_t address_count = 0;
    std::vector<std::string> neighbours;  ///< names (or hex ids while unknown), ascending
    bool reachable = false;
    std::uint32_t cost = 0;
    std::vector<AdjacencyId> next_hops;  ///< each once; the first preference's is the first
    std::string next_hop_name;           ///< of the first; empty for a neighbour and for self
    Time last_change = 0;
};

struct NodeCounters {
    std::uint64_t lsp_sent = 0, lsp_received = 0, lsp_stored = 0, lsp_duplicate = 0, lsp_stale = 0;
    std::uint64_t originations = 0, spf_runs = 0, spf_avoided = 0;
    std::uint64_t spf_without_effect = 0;  ///< of the runs: no route changed
    std::uint64_t address_deltas_sent = 0, address_deltas_received = 0;
    std::uint64_t antientropy_repairs = 0, malformed = 0, over_limit = 0, duplicate_id = 0;
    std::uint64_t control_bytes_sent = 0, control_bytes_received = 0;
    Time last_topology_change = 0;
    // From a change of the graph until the routes that follow from it were told to the driver.
    Time last_convergence = 0, max_convergence = 0;
};

struct NodeView {
    RouterId id = 0;
    std::string name;
    std::uint64_t incarnation = 0;
    bool draining = false;
    std::uint64_t lsdb_digest = 0;
    std::uint64_t address_digest = 0;
    std::vector<AdjacencyView> adjacencies;
    std::vector<LinkStateView> routers;  ///< ascending by name, self included
    NodeCounters counters;
    Marks marks = {};
};

}  // namespace amqmesh::routing
