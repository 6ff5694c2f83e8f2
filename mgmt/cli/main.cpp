// amqmesh: looks into a mesh and sends messages through it, as an ordinary AMQP client.
#include "mgmt/cli/commands.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

namespace amqmesh::cli {

void add_node_options(CLI::App& command, NodeOptions& node, Reach reach) {
    command
        .add_option("-n,--node", node.node, "Node to connect to, amqp://[USER:PASSWORD@]HOST:PORT")
        ->envname("AMQMESH_NODE")
        ->capture_default_str();
    command
        .add_option("-t,--timeout",
                    node.timeout_s,
                    "Seconds to wait for a connection, an answer, a sign of progress")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    if (reach == Reach::kAnyNode) {
        command.add_option(
            "-r,--router", node.router, "Ask this node of the mesh, through the one connected to");
    }
}

namespace {

/// What to say about a command that there is not; empty: it is something else that is wrong.
std::string unknown_command(const CLI::App& app, const char* word) {
    if (word == nullptr || word[0] == '-') {
        return {};
    }
    std::string near;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        const std::string name = command->get_name();
        if (command->check_name(word)) {
            return {};
        }
        if (name.rfind(word, 0) == 0 || std::string_view{word}.rfind(name, 0) == 0) {
            near += near.empty() ? name : " or " + name;
        }
    }
    return fmt::format("there is no command {} ({})",
                       word,
                       near.empty() ? "amqmesh --help lists them" : "did you mean " + near + '?');
}

}  // namespace

}  // namespace amqmesh::cli

int main(int argc, char** argv) {
    using amqmesh::cli::Exit;
    CLI::App app{"Looks into an Amqmesh mesh and sends messages through it.", "amqmesh"};
    app.set_version_flag("-V,--version", "amqmesh " AMQMESH_VERSION);
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 ok, 1 the operation failed, 2 wrong usage, 3 cannot connect.\n"
        "Every command explains itself: amqmesh COMMAND --help");

    amqmesh::cli::Action chosen;
    amqmesh::cli::add_inspection_commands(app, chosen);
    amqmesh::cli::add_entity_commands(app, chosen);
    amqmesh::cli::add_traffic_commands(app, chosen);
    amqmesh::cli::add_live_commands(app, chosen);
    amqmesh::cli::add_tool_commands(app, chosen);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const bool asked_for = error.get_exit_code() == 0;  // --help and --version
        const std::string unknown =
            asked_for ? "" : amqmesh::cli::unknown_command(app, argc > 1 ? argv[1] : nullptr);
        if (!unknown.empty()) {
            fmt::print(stderr, "amqmesh: {}\n", unknown);
        } else {
            app.exit(error);
        }
        return static_cast<int>(asked_for ? Exit::kOk : Exit::kUsage);
    }

    // Beyond this point the command line is known to be well formed.
    try {
        return static_cast<int>(chosen());
    } catch (const amqmesh::cli::Failure& failure) {
        fmt::print(stderr, "amqmesh: {}\n", failure.what());
        return static_cast<int>(failure.code());
    } catch (const std::exception& error) {
        fmt::print(stderr, "amqmesh: {}\n", error.what());
        return static_cast<int>(Exit::kFailed);
    }
}
