// The mesh as one node knows it: nodes, links, costs, next hops. Pure: rows in, model out, text
// out.
#pragma once

#include "mgmt/cli/json.h"
#include "mgmt/cli/management_client.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace amqmesh::cli {

struct TopologyNode {
    std::string id;
    std::string next_hop;              ///< id of the neighbour traffic goes through; empty: itself
    std::optional<std::int64_t> cost;  ///< of the whole path; none: itself, or unreachable
    bool reachable = true;
    std::vector<std::string> neighbours;
    Json attributes;  ///< the whole router.node row
};

struct TopologyLink {
    std::string a, b;  ///< node ids, a < b
    std::optional<std::int64_t> cost;
    bool both_ways = true;  ///< both ends say that the link is up
    bool in_use = false;    ///< on a shortest path from the asked node
};

struct Topology {
    std::string seen_from;
    std::string mode;
    std::vector<TopologyNode> nodes;  ///< by id
    std::vector<TopologyLink> links;  ///< by (a, b)

    [[nodiscard]] const TopologyNode* find(const std::string& id) const;
};

/// `router`: the asked node's router row; `nodes`: its router.node rows (none when standalone).
Topology build_topology(const Rows& router, const Rows& nodes);

/// Link costs as `id`'s own router.node rows tell them: a neighbour reached directly costs its
/// path.
void add_link_costs(Topology& topology, const std::string& id, const Rows& nodes);

/// For people; `verbose` adds each node's further attributes.
std::string topology_text(const Topology& topology, std::size_t width, bool verbose);
/// What the asked node's routing protocol tells of itself: its router.adjacency rows and its
/// router.routing row.
std::string routing_text(const Rows& adjacencies, const Rows& routing, std::size_t width);
Json topology_json(const Topology& topology);
/// Graphviz: `amqmesh topology --dot | dot -Tsvg`.
std::string topology_dot(const Topology& topology);

}  // namespace amqmesh::cli
