#include "mgmt/cli/topology.h"

#include <algorithm>
#include <set>
#include <utility>

namespace amqmesh::cli {

namespace {

/// Attribute `name` of a row as text; empty for null.
std::string text_at(const Rows& rows, std::size_t row, std::string_view name) {
    const Json& cell = rows.at(row, name);
    return cell.is_null() ? std::string() : to_text(cell);
}

std::optional<std::int64_t> number(const Json& json) {
    return json.is_number_integer() ? std::optional(json.get<std::int64_t>()) : std::nullopt;
}

Json whole_row(const Rows& rows, std::size_t row) {
    Json object = Json::object();
    for (std::size_t column = 0; column < rows.columns.size(); ++column) {
        object[rows.columns[column]] = rows.rows[row][column];
    }
    return object;
}

/// linkState is a list of neighbour ids; a map {id: cost} says the costs as well.
std::map<std::string, std::optional<std::int64_t>> neighbours_of(const Json& row) {
    std::map<std::string, std::optional<std::int64_t>> found;
    for (const char* attribute : {"linkState", "linkCosts"}) {
        const Json state = row.value(attribute, Json());
        if (state.is_object()) {
            for (const auto& item : state.items()) {
                found[item.key()] = number(item.value());
            }
        } else if (state.is_array()) {
            for (const Json& id : state) {
                found.try_emplace(to_text(id));
            }
        }
    }
    return found;
}

/// "(self)" for the node itself; a neighbour shows itself, nothing or "-".
std::string next_hop_of(const std::string& id, const std::string& shown) {
    if (shown == "(self)") {
        return {};
    }
    return shown.empty() || shown == "-" || shown == "(direct)" ? id : shown;
}

TopologyNode make_node(const Rows& rows, std::size_t row, const std::string& seen_from) {
    TopologyNode node;
    node.id = text_at(rows, row, "id");
    node.attributes = whole_row(rows, row);
    node.cost = number(rows.at(row, "cost"));
    for (const auto& neighbour : neighbours_of(node.attributes)) {
        node.neighbours.push_back(neighbour.first);
    }
    if (node.id == seen_from) {
        node.cost.reset();
        return node;
    }
    const std::string shown = text_at(rows, row, "nextHop");
    node.next_hop = next_hop_of(node.id, shown);
    const bool neighbour = std::find(node.neighbours.begin(), node.neighbours.end(), seen_from) !=
                           node.neighbours.end();
    node.reachable = shown != "(none)" && (!shown.empty() || neighbour || node.cost.has_value());
    if (!node.reachable) {
        node.next_hop.clear();
    }
    return node;
}

/// Links from both ends' link states. The larger of two advertised costs counts (ROUTING 1.1).
std::vector<TopologyLink> collect_links(const std::vector<TopologyNode>& nodes) {
    std::map<std::pair<std::string, std::string>, TopologyLink> links;
    std::set<std::pair<std::string, std::string>> said;
    for (const TopologyNode& node : nodes) {
        for (const auto& [neighbour, cost] : neighbours_of(node.attributes)) {
            const auto key = std::minmax(node.id, neighbour);
            TopologyLink& link = links[key];
            link.a = key.first;
            link.b = key.second;
            link.cost = std::max(link.cost, cost);
            said.emplace(node.id, neighbour);
        }
    }
    std::vector<TopologyLink> list;
    for (auto& [key, link] : links) {
        link.both_ways = said.count({link.a, link.b}) != 0 && said.count({link.b, link.a}) != 0;
        list.push_back(link);
    }
    return list;
}

TopologyLink* find_link(Topology& topology, const std::string& one, const std::string& other) {
    const auto key = std::minmax(one, other);
    for (TopologyLink& link : topology.links) {
        if (link.a == key.first && link.b == key.second) {
            return &link;
        }
    }
    return nullptr;
}

/// First hops are known for certain; they are what can be shown as in use.
void mark_used_links(Topology& topology) {
    for (const TopologyNode& node : topology.nodes) {
        if (node.next_hop.empty()) {
            continue;
        }
        if (TopologyLink* link = find_link(topology, topology.seen_from, node.next_hop)) {
            link->in_use = true;
        }
    }
}

}  // namespace

const TopologyNode* Topology::find(const std::string& id) const {
    for (const TopologyNode& node : nodes) {
        if (node.id == id) {
            return &node;
        }
    }
    return nullptr;
}

Topology build_topology(const Rows& router, const Rows& nodes) {
    Topology topology;
    topology.seen_from = text_at(router, 0, "id");
    topology.mode = text_at(router, 0, "mode");
    for (std::size_t row = 0; row < nodes.rows.size(); ++row) {
        topology.nodes.push_back(make_node(nodes, row, topology.seen_from));
    }
    if (topology.find(topology.seen_from) == nullptr) {
        TopologyNode self;  // standalone nodes have no router.node rows
        self.id = topology.seen_from;
        self.attributes = Json::object();
        topology.nodes.push_back(self);
    }
    std::sort(topology.nodes.begin(),
              topology.nodes.end(),
              [](const TopologyNode& one, const TopologyNode& other) { return one.id < other.id; });
    topology.links = collect_links(topology.nodes);
    mark_used_links(topology);
    add_link_costs(topology, topology.seen_from, nodes);
    return topology;
}

void add_link_costs(Topology& topology, const std::string& id, const Rows& nodes) {
    for (std::size_t row = 0; row < nodes.rows.size(); ++row) {
        const std::string other = text_at(nodes, row, "id");
        const std::optional<std::int64_t> cost = number(nodes.at(row, "cost"));
        const bool direct = next_hop_of(other, text_at(nodes, row, "nextHop")) == other;
        TopologyLink* link = find_link(topology, id, other);
        if (link != nullptr && direct && !link->cost && cost) {
            link->cost = cost;
        }
    }
}

}  // namespace amqmesh::cli
