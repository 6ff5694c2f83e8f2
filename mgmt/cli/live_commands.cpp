// why and watch.
#include "mgmt/cli/commands.h"
#include "mgmt/cli/management_client.h"
#include "mgmt/cli/nodes.h"
#include "mgmt/cli/numbers.h"
#include "mgmt/cli/table.h"
#include "mgmt/cli/watch.h"
#include "mgmt/cli/why.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

namespace amqmesh::cli {

namespace {

struct WhyOptions {
    NodeOptions node;
    std::string subject;
    bool json = false;
};

NodeTables look_at(ManagementClient& client, const std::string& router) {
    NodeTables node;
    const Rows self = client.query("router", {"id"}, router);
    node.id = self.rows.empty() ? router : to_text(self.at(0, "id"));
    node.addresses = client.query("router.address", why_address_columns(), router);
    node.links = client.query("router.link", why_link_columns(), router);
    node.connections = client.query("connection", why_connection_columns(), router);
    return node;
}

Exit why(const WhyOptions& options) {
    ManagementClient client(options.node);
    std::vector<NodeTables> nodes;
    nodes.push_back(look_at(client, options.node.router));
    std::vector<Finding> findings = why_link(options.subject, nodes);
    if (findings.empty()) {
        const std::string key = key_of_address(options.subject, nodes);
        for (const std::string& router : consuming_routers(nodes.front(), key)) {
            nodes.push_back(look_at(client, router));
        }
        findings = why_address(key, nodes);
    }
    if (options.json) {
        fmt::print("{}\n", findings_json(findings).dump(2));
    } else {
        fmt::print("{}", findings_text(findings));
    }
    return Exit::kOk;
}

struct WatchOptions {
    NodeOptions node;
    double interval_s = 2;
    std::uint64_t count = 0;
    bool all_nodes = false;
};

double seconds_now() {
    const std::chrono::duration<double> at = std::chrono::steady_clock::now().time_since_epoch();
    return at.count();
}

Rows router_row(ManagementClient& client, const std::string& router) {
    return client.query("router",
                        {"id",
                         "operState",
                         "uptimeSeconds",
                         "connectionCount",
                         "linkCount",
                         "memoryUsage",
                         "deliveriesIngress",
                         "deliveriesEgress",
                         "deliveriesTransit",
                         "deliveriesStuck",
                         "linksBlocked"},
                        router);
}

Look look(ManagementClient& client, const std::string& router) {
    Look taken;
    taken.router = router_row(client, router);
    taken.addresses = client.query("router.address",
                                   {"name",
                                    "deliveriesIngress",
                                    "deliveriesEgress",
                                    "deliveriesTransit",
                                    "trackedDeliveries",
                                    "subscriberCount",
                                    "remoteCount"},
                                   router);
    taken.at_s = seconds_now();
    return taken;
}

std::vector<Look> look_around(ManagementClient& client) {
    std::vector<Look> taken;
    for (const std::string& id : mesh_nodes(client)) {
        Look one;
        one.node = id;
        try {
            one.router = router_row(client, id);
            one.node = to_text(one.router.at(0, "id"));
        } catch (const Failure& failure) {
            if (failure.code() == Exit::kCannotConnect) {
                throw;
            }
            one.failure = "no answer";
        }
        one.at_s = seconds_now();
        taken.push_back(std::move(one));
    }
    return taken;
}

WatchLayout layout_of_terminal() {
    winsize size{};
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return {};
    }
    return {.width = size.ws_col, .height = size.ws_row, .colours = true};
}

/// Looks again and again; `text` of the look before and the one now is shown.
template <typename Take, typename Text>
Exit repeat(const WatchOptions& options, Take take, Text text) {
    auto before = take();
    for (std::uint64_t turn = 0; options.count == 0 || turn < options.count; ++turn) {
        // Nothing to wait for but time; Ctrl-C ends the program here.
        poll(nullptr, 0, static_cast<int>(options.interval_s * 1000));
        auto now = take();
        const WatchLayout layout = layout_of_terminal();
        fmt::print("{}{}{}",
                   layout.colours ? "\x1b[H\x1b[2J" : "",
                   text(before, now, layout),
                   layout.colours ? "" : "\n");
        std::fflush(stdout);
        before = std::move(now);
    }
    return Exit::kOk;
}

Exit watch(const WatchOptions& options) {
    ManagementClient client(options.node);
    if (options.all_nodes) {
        return repeat(
            options, [&] { return look_around(client); }, mesh_watch_text);
    }
    return repeat(
        options, [&] { return look(client, options.node.router); }, watch_text);
}

}  // namespace

void add_live_commands(CLI::App& app, Action& chosen) {
    CLI::App* command =
        app.add_subcommand("why", "What the deliveries to an address, or on a link, wait for");
    auto options = std::make_shared<WhyOptions>();
    add_node_options(*command, options->node, Reach::kAnyNode);
    command
        ->add_option("subject",
                     options->subject,
                     "Address as clients write it, or a link's ID from `amqmesh links`")
        ->required();
    command->add_flag("--json", options->json, "Print JSON");
    command->footer(
        "Lines that begin with * name something that waits, those with - complete the picture.\n"
        "Routers that have consumers of the address are asked, too.");
    command->callback([options, &chosen] { chosen = [options] { return why(*options); }; });

    command = app.add_subcommand("watch",
                                 "Rates of a node and its busiest addresses, or of the mesh, live");
    auto watched = std::make_shared<WatchOptions>();
    add_node_options(*command, watched->node, Reach::kAnyNode);
    command->add_option("-i,--interval", watched->interval_s, "Seconds between looks")
        ->check(CLI::Range(0.1, 3600.0))
        ->capture_default_str();
    command->add_option("-c,--count", watched->count, "Looks; 0: until Ctrl-C")
        ->check(not_negative)
        ->capture_default_str();
    command->add_flag("-a,--all-nodes", watched->all_nodes, "A line for every node of the mesh");
    command->callback([watched, &chosen] { chosen = [watched] { return watch(*watched); }; });
}

}  // namespace amqmesh::cli
