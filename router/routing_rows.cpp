#include "router/routing_rows.h"

#include "routing/messages.h"

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

namespace amqmesh::router {

namespace {

std::uint64_t seconds_between(routing::Time earlier, routing::Time later) {
    return later > earlier ? (later - earlier) / routing::kSecond : 0;
}

// Digests are compared by people and scripts, never counted with.
std::string hex(std::uint64_t value) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (unsigned shift = 64; shift > 0; shift -= 4) {
        text += kDigits[(value >> (shift - 4)) & 0xfU];
    }
    return text;
}

}  // namespace

mgmt::List link_state_flags(std::uint32_t flags) {
    constexpr auto kWords = std::to_array<std::pair<std::uint32_t, const char*>>(
        {{routing::lsp_flag::kNoTransit, "noTransit"},
         {routing::lsp_flag::kDraining, "draining"},
         {routing::lsp_flag::kStarting, "starting"},
         {routing::lsp_flag::kPurge, "gone"}});
    mgmt::List words;
    for (const auto& [flag, word] : kWords) {
        if ((flags & flag) != 0) {
            words.emplace_back(std::string{word});
        }
    }
    return words;
}

std::vector<mgmt::Row> adjacency_rows(const NodeDriver& node,
                                      const Snapshots::Parts& parts,
                                      const RowTimes& times) {
    const mgmt::EntityType& type = mgmt::type_of("router.adjacency");
    const routing::NodeView view = node.view(times.now);
    std::map<link::ConnectionId, const link::ConnectionRow*> connections;
    for (const auto& part : parts) {
        for (const link::ConnectionRow& connection : part->connections) {
            connections.emplace(connection.id, &connection);
        }
    }
    std::vector<mgmt::Row> rows;
    for (const routing::AdjacencyView& adjacency : view.adjacencies) {
        const std::string identity = "router.adjacency/" + std::to_string(adjacency.link);
        mgmt::Row row(type);
        row.set("name", identity)
            .set("identity", identity)
            .set("neighbour", adjacency.peer_name)
            .set("state", routing::to_string(adjacency.state))
            .set("cost", adjacency.cost)
            .set("neighbourCost", adjacency.peer_cost)
            .set("sinceSeconds", seconds_between(adjacency.since, times.now))
            .set("losses", adjacency.flaps)
            .set("heldSeconds", seconds_between(times.now, adjacency.held_until));
        const link::ConnectionId* id = node.connection(adjacency.link);
        const auto found = id == nullptr ? connections.end() : connections.find(*id);
        if (found != connections.end()) {
            row.set("connectionId", std::to_string(found->second->number))
                .set("bytesIn", found->second->bytes_in)
                .set("bytesOut", found->second->bytes_out);
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

mgmt::Row routing_row(const routing::NodeView& view,
                      const NodeDriver::SpfTimes& spf,
                      const RowTimes& times) {
    const routing::NodeCounters& counters = view.counters;
    mgmt::Map rare;
    for (std::size_t i = 0; i < view.marks.size(); ++i) {
        rare.emplace_back(std::string{routing::to_string(static_cast<routing::Mark>(i))},
                          view.marks[i]);
    }
    mgmt::Row row(mgmt::type_of("router.routing"));
    row.set("name", "router.routing")
        .set("identity", "router.routing")
        .set("incarnation", view.incarnation)
        .set("linkStateDigest", hex(view.lsdb_digest))
        .set("addressDigest", hex(view.address_digest))
        .set("spfRuns", counters.spf_runs)
        .set("spfAvoided", counters.spf_avoided)
        .set("spfLastMicroseconds", spf.last)
        .set("spfMaxMicroseconds", spf.longest)
        .set("lastTopologyChangeSeconds", seconds_between(counters.last_topology_change, times.now))
        .set("lastConvergenceMicroseconds", counters.last_convergence)
        .set("maxConvergenceMicroseconds", counters.max_convergence)
        .set("linkStatesSent", counters.lsp_sent)
        .set("linkStatesReceived", counters.lsp_received)
        .set("linkStatesStored", counters.lsp_stored)
        .set("linkStatesDuplicate", counters.lsp_duplicate)
        .set("linkStatesStale", counters.lsp_stale)
        .set("originations", counters.originations)
        .set("addressStepsSent", counters.address_deltas_sent)
        .set("addressStepsReceived", counters.address_deltas_received)
        .set("repairs", counters.antientropy_repairs)
        .set("malformed", counters.malformed)
        .set("overLimit", counters.over_limit)
        .set("duplicateIds", counters.duplicate_id)
        .set("controlBytesSent", counters.control_bytes_sent)
        .set("controlBytesReceived", counters.control_bytes_received)
        .set("rareEvents", std::move(rare));
    return row;
}

}  // namespace amqmesh::router
