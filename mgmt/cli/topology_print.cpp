// The three printed forms of a topology.
#include "mgmt/cli/table.h"
#include "mgmt/cli/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace amqmesh::cli {

namespace {

constexpr std::array<std::string_view, 8> kShownElsewhere = {
    "id", "identity", "name", "type", "nextHop", "cost", "linkState", "linkCosts"};

std::string cost_text(const std::optional<std::int64_t>& cost) {
    return cost ? std::to_string(*cost) : "-";
}

std::string next_hop_text(const Topology& topology, const TopologyNode& node) {
    if (node.id == topology.seen_from) {
        return "(self)";
    }
    if (!node.reachable) {
        return "(unreachable)";
    }
    return node.next_hop == node.id ? "(direct)" : node.next_hop;
}

std::string joined(const std::vector<std::string>& texts) {
    return texts.empty() ? "-" : fmt::format("{}", fmt::join(texts, " "));
}

std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string details(const Topology& topology) {
    std::string out;
    for (const TopologyNode& node : topology.nodes) {
        out += fmt::format("\n{}\n", printable(node.id));
        for (const auto& item : node.attributes.items()) {
            if (std::find(std::begin(kShownElsewhere), std::end(kShownElsewhere), item.key()) ==
                std::end(kShownElsewhere)) {
                out += fmt::format(
                    "  {:<18} {}\n", printable(item.key()), printable(to_text(item.value())));
            }
        }
    }
    return out;
}

std::string dot_text(std::string_view text) {
    std::string out = "\"";
    for (char byte : text) {
        if (byte == '"' || byte == '\\') {
            out += '\\';
        }
        out += byte;
    }
    return out + '"';
}

}  // namespace

std::string topology_text(const Topology& topology, std::size_t width, bool verbose) {
    if (topology.mode == "standalone") {
        return fmt::format("{} is standalone: it has no mesh\n", printable(topology.seen_from));
    }
    std::string out = fmt::format("{}, {}, seen from {}\n\n",
                                  counted(topology.nodes.size(), "node"),
                                  counted(topology.links.size(), "link"),
                                  printable(topology.seen_from));
    Table nodes({{"NODE"}, {"COST", Align::kRight}, {"NEXT HOP"}, {"NEIGHBOURS"}});
    for (const TopologyNode& node : topology.nodes) {
        nodes.add({node.id,
                   cost_text(node.cost),
                   next_hop_text(topology, node),
                   joined(node.neighbours)});
    }
    out += nodes.text(width);
    if (!topology.links.empty()) {
        Table links({{"LINK"}, {"COST", Align::kRight}, {"STATE"}});
        for (const TopologyLink& link : topology.links) {
            links.add({link.a + " - " + link.b,
                       cost_text(link.cost),
                       !link.both_ways ? "one way"
                       : link.in_use   ? "up, first hop"
                                       : "up"});
        }
        out += '\n' + links.text(width);
    }
    return verbose ? out + details(topology) : out;
}

std::string routing_text(const Rows& adjacencies, const Rows& routing, std::size_t width) {
    const auto text = [](const Rows& rows, std::size_t row, std::string_view name) {
        const Json& cell = rows.at(row, name);
        return cell.is_null() ? std::string("-") : to_text(cell);
    };
    std::string out;
    if (!adjacencies.rows.empty()) {
        Table table({{"NEIGHBOUR"},
                     {"STATE"},
                     {"COST", Align::kRight},
                     {"ITS COST", Align::kRight},
                     {"FOR", Align::kRight},
                     {"LOSSES", Align::kRight},
                     {"HELD", Align::kRight}});
        for (std::size_t row = 0; row < adjacencies.rows.size(); ++row) {
            table.add({text(adjacencies, row, "neighbour"),
                       text(adjacencies, row, "state"),
                       text(adjacencies, row, "cost"),
                       text(adjacencies, row, "neighbourCost"),
                       text(adjacencies, row, "sinceSeconds") + " s",
                       text(adjacencies, row, "losses"),
                       text(adjacencies, row, "heldSeconds") + " s"});
        }
        out += '\n' + table.text(width);
    }
    for (std::size_t row = 0; row < routing.rows.size(); ++row) {
        out += "\nrouting\n";
        for (std::size_t column = 0; column < routing.columns.size(); ++column) {
            const std::string& name = routing.columns[column];
            if (std::find(std::begin(kShownElsewhere), std::end(kShownElsewhere), name) ==
                std::end(kShownElsewhere)) {
                const std::string cell = printable(to_text(routing.rows[row][column]));
                out += fmt::format("  {:<27} {}\n", name, cell);
            }
        }
    }
    return out;
}

Json topology_json(const Topology& topology) {
    Json out = {{"seenFrom", topology.seen_from}, {"mode", topology.mode}};
    out["nodes"] = Json::array();
    for (const TopologyNode& node : topology.nodes) {
        Json row = {{"id", node.id}, {"reachable", node.reachable}};
        row["cost"] = node.cost ? Json(*node.cost) : Json();
        row["nextHop"] = node.next_hop.empty() ? Json() : Json(node.next_hop);
        row["neighbours"] = node.neighbours;
        row["attributes"] = node.attributes;
        out["nodes"].push_back(std::move(row));
    }
    out["links"] = Json::array();
    for (const TopologyLink& link : topology.links) {
        Json row = {{"a", link.a}, {"b", link.b}};
        row["cost"] = link.cost ? Json(*link.cost) : Json();
        row["bothWays"] = link.both_ways;
        row["inUse"] = link.in_use;
        out["links"].push_back(std::move(row));
    }
    return out;
}

std::string topology_dot(const Topology& topology) {
    std::string out =
        "graph mesh {\n  layout=neato; overlap=false; splines=true;\n"
        "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
        "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    for (const TopologyNode& node : topology.nodes) {
        const char* look = node.id == topology.seen_from ? " [style=\"rounded,bold\"]"
                           : !node.reachable             ? " [style=\"rounded,dashed\"]"
                                                         : "";
        out += fmt::format("  {}{};\n", dot_text(node.id), look);
    }
    for (const TopologyLink& link : topology.links) {
        const char* style = !link.both_ways ? "dashed" : link.in_use ? "bold" : "solid";
        out += fmt::format("  {} -- {} [label={}, style={}];\n",
                           dot_text(link.a),
                           dot_text(link.b),
                           dot_text(link.cost ? std::to_string(*link.cost) : ""),
                           style);
    }
    return out + "}\n";
}

}  // namespace amqmesh::cli
