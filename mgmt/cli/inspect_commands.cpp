#include "mgmt/cli/commands.h"
#include "mgmt/cli/management_client.h"
#include "mgmt/cli/nodes.h"
#include "mgmt/cli/numbers.h"
#include "mgmt/cli/topology.h"
#include "mgmt/cli/views.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>

namespace amqmesh::cli {

namespace {

struct ViewOptions {
    NodeOptions node;
    bool json = false;
    bool csv = false;
    bool dot = false;
    bool verbose = false;
    bool all_nodes = false;
    std::size_t limit = 0;
};

/// The nodes that the options mean.
std::vector<std::string> nodes_of(ManagementClient& client, const ViewOptions& options) {
    return options.all_nodes ? mesh_nodes(client) : std::vector<std::string>{options.node.router};
}

Exit show_topology(const ViewOptions& options) {
    ManagementClient client(options.node);
    const Rows router = client.query("router", {"id", "mode", "version"});
    Topology topology = build_topology(router, client.query("router.node"));
    std::vector<std::string> others;
    for (const TopologyNode& node : topology.nodes) {
        if (options.all_nodes && node.id != topology.seen_from && node.reachable) {
            others.push_back(node.id);
        }
    }
    // Costs of links elsewhere: their ends know, if the table of this node does not say.
    const Exit exit = for_each_node(others, [&](const std::string& id) {
        add_link_costs(topology, id, client.query("router.node", {}, id));
    });
    Rows adjacencies;
    Rows routing;
    if (options.verbose && topology.mode != "standalone") {
        adjacencies = client.query("router.adjacency");
        routing = client.query("router.routing");
    }
    if (options.json) {
        Json out = topology_json(topology);
        if (options.verbose) {
            out["adjacencies"] = rows_json(adjacencies);
            out["routing"] = rows_json(routing);
        }
        fmt::print("{}\n", out.dump(2));
    } else if (options.dot) {
        fmt::print("{}", topology_dot(topology));
    } else {
        fmt::print("{}", topology_text(topology, terminal_width(), options.verbose));
        fmt::print("{}", routing_text(adjacencies, routing, terminal_width()));
    }
    return exit;
}

void print_table(const Table& table, const View& view, const ViewOptions& options) {
    if (options.csv) {
        fmt::print("{}", table.csv());
    } else if (table.size() == 0) {
        fmt::print("{}\n", view.empty);
    } else {
        fmt::print("{}", shown(table));
    }
}

Exit show_view(const View& view, const ViewOptions& options) {
    ManagementClient client(options.node);
    const std::vector<std::string> nodes = nodes_of(client, options);
    // JSON readers get everything, people what fits a line.
    const std::vector<std::string> attributes =
        options.json ? std::vector<std::string>{} : attributes_of(view);
    Json per_node = Json::object();
    std::vector<NodeRows> together;
    const Exit exit = for_each_node(nodes, [&](const std::string& id) {
        Rows rows = client.query(std::string(view.type), attributes, id, options.limit);
        if (options.json) {
            per_node[id] = rows_json(rows);
        } else if (options.csv && options.all_nodes) {
            together.push_back({id, std::move(rows)});
        } else {
            if (options.all_nodes && !id.empty()) {
                fmt::print("{}{}\n", id == nodes.front() ? "" : "\n", id);
            }
            print_table(view_table(view, rows, {options.verbose, options.csv}), view, options);
        }
    });
    if (options.csv && options.all_nodes) {
        fmt::print("{}", view_table(view, together, {options.verbose, true}).csv());
    }
    if (options.json) {
        fmt::print("{}\n", (options.all_nodes ? per_node : per_node.front()).dump(2));
    }
    return exit;
}

Exit show_stats(const ViewOptions& options) {
    ManagementClient client(options.node);
    Json all = Json::array();
    const Exit exit = for_each_node(nodes_of(client, options), [&](const std::string& id) {
        const Rows router = client.query("router", {}, id);
        if (router.rows.empty()) {
            throw Failure(Exit::kFailed, "the node has no router entity");
        }
        const bool first = all.empty();
        all.push_back(rows_json(router).front());
        if (options.csv) {
            const std::string lines = rows_table(router, {.csv = true}).csv();
            fmt::print("{}", first ? lines : lines.substr(lines.find('\n') + 1));
        } else if (!options.json) {
            fmt::print("{}{}", first ? "" : "\n", stats_text(router));
        }
    });
    if (options.json) {
        fmt::print("{}\n", (options.all_nodes ? all : all.front()).dump(2));
    }
    return exit;
}

std::shared_ptr<ViewOptions> add_view_options(CLI::App& command) {
    auto options = std::make_shared<ViewOptions>();
    add_node_options(command, options->node, Reach::kAnyNode);
    command.add_flag("--json", options->json, "Print JSON, with every attribute");
    command.add_flag("-a,--all-nodes", options->all_nodes, "Ask every node of the mesh");
    return options;
}

void add_view(CLI::App& app, Action& chosen, const char* name, const char* help, const View& view) {
    CLI::App* command = app.add_subcommand(name, help);
    auto options = add_view_options(*command);
    command->add_flag("--csv", options->csv, "Print comma-separated values")->excludes("--json");
    command->add_flag("-v,--verbose", options->verbose, "Show more columns");
    command->add_option("--limit", options->limit, "Show at most so many rows")
        ->check(not_negative);
    command->callback([options, &chosen, &view] {
        chosen = [options, &view] { return show_view(view, *options); };
    });
}

}  // namespace

void add_inspection_commands(CLI::App& app, Action& chosen) {
    CLI::App* topology =
        app.add_subcommand("topology", "Nodes and links of the mesh, costs and next hops");
    topology->alias("nodes");
    auto options = add_view_options(*topology);
    topology->add_flag("--dot", options->dot, "Print a Graphviz graph")->excludes("--json");
    topology->add_flag("-v,--verbose",
                       options->verbose,
                       "Show every attribute of the nodes, and what the routing protocol did");
    topology->callback(
        [options, &chosen] { chosen = [options] { return show_topology(*options); }; });

    add_view(
        app, chosen, "addresses", "Addresses, their consumers and deliveries", addresses_view());
    add_view(
        app, chosen, "connections", "Connections of clients and neighbours", connections_view());
    add_view(app, chosen, "links", "Links, their credit and deliveries", links_view());

    CLI::App* stats = app.add_subcommand("stats", "Counters of a node");
    auto stats_options = add_view_options(*stats);
    stats->add_flag("--csv", stats_options->csv, "Print comma-separated values")
        ->excludes("--json");
    stats->callback([stats_options, &chosen] {
        chosen = [stats_options] { return show_stats(*stats_options); };
    });
}

}  // namespace amqmesh::cli
