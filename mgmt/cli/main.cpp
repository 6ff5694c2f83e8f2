// amqmesh: looks into a mesh and sends messages through it, as an ordinary AMQP client.
#include "mgmt/cli/commands.h"
#include "mgmt/cli/numbers.h"
#include "mgmt/cli/table.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

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
        ->check(positive)
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

/// Whether it is one of the options that choose a node, and whether its value is the next argument.
bool chooses_node(std::string_view argument, bool& value_follows) {
    value_follows = false;
    if (argument == "--all-nodes" || argument == "-a") {
        return true;
    }
    static constexpr std::array<std::string_view, 3> kNames{"--node", "--router", "--timeout"};
    for (const std::string_view name : kNames) {
        const std::string_view letter = name.substr(1, 2);  // "-n"
        value_follows = argument == name || argument == letter;
        if (value_follows || argument.starts_with(std::string{name} + '=') ||
            (argument.starts_with(letter) && !argument.starts_with("--"))) {
            return true;
        }
    }
    return false;
}

/// Options that choose a node may stand before the command, where people look for what is the same
/// for all; each command has them itself, and tells when it has no use for one.
std::vector<const char*> with_command_first(int argc, const char* const* argv) {
    std::vector<const char*> all(argv, argv + argc);
    std::size_t command = 1;
    bool value_follows = false;
    while (command < all.size() && chooses_node(all[command], value_follows)) {
        command += value_follows ? 2 : 1;
    }
    if (command < all.size() && all[command][0] != '-') {
        const auto place = all.begin() + static_cast<std::ptrdiff_t>(command);
        std::rotate(all.begin() + 1, place, place + 1);
    }
    return all;
}

}  // namespace

}  // namespace amqmesh::cli

int main(int argc, char** argv) {
    using amqmesh::cli::Exit;
    const std::vector<const char*> arguments = amqmesh::cli::with_command_first(argc, argv);
    CLI::App app{"Looks into an Amqmesh mesh and sends messages through it.", "amqmesh"};
    app.set_version_flag("-V,--version", "amqmesh " AMQMESH_VERSION);
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 ok, 1 the operation failed, 2 wrong usage, 3 cannot connect.\n"
        "Every command explains itself: amqmesh COMMAND --help. The options that choose a node\n"
        "(--node, --router, --all-nodes, --timeout) may stand before the command, too.");

    amqmesh::cli::Action chosen;
    amqmesh::cli::add_inspection_commands(app, chosen);
    amqmesh::cli::add_entity_commands(app, chosen);
    amqmesh::cli::add_traffic_commands(app, chosen);
    amqmesh::cli::add_live_commands(app, chosen);
    amqmesh::cli::add_tool_commands(app, chosen);

    try {
        app.parse(static_cast<int>(arguments.size()), arguments.data());
    } catch (const CLI::ParseError& error) {
        const bool asked_for = error.get_exit_code() == 0;  // --help and --version
        const std::string unknown =
            asked_for
                ? ""
                : amqmesh::cli::unknown_command(app, arguments.size() > 1 ? arguments[1] : nullptr);
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
        fmt::print(stderr, "amqmesh: {}\n", amqmesh::cli::printable(failure.what()));
        return static_cast<int>(failure.code());
    } catch (const std::exception& error) {
        fmt::print(stderr, "amqmesh: {}\n", error.what());
        return static_cast<int>(Exit::kFailed);
    }
}
