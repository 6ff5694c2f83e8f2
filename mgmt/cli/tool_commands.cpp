// check-config, reload, drain, completion and man.
#include "mgmt/cli/commands.h"
#include "mgmt/cli/management_client.h"
#include "mgmt/cli/manual.h"
#include "mgmt/cli/numbers.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

namespace amqmesh::cli {

namespace {

// The node itself knows its configuration: it is asked, so that both always say the same.
Exit check_config(const std::string& file) {
    std::error_code error;
    const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
    std::string daemon = (own.parent_path() / "amqmeshd").string();
    if (error || !std::filesystem::exists(daemon, error)) {
        daemon = "amqmeshd";  // along PATH
    }
    std::string check = "--check";
    std::string path = file;
    std::array<char*, 4> arguments{daemon.data(), check.data(), path.data(), nullptr};
    std::fflush(stdout);
    execvp(daemon.c_str(), arguments.data());
    throw Failure(Exit::kFailed,
                  fmt::format("cannot run amqmeshd, which knows the configuration: {}",
                              std::generic_category().message(errno)));
}

struct ReloadOptions {
    NodeOptions node;
    bool json = false;
};

Exit reload(const ReloadOptions& options) {
    ManagementClient client(options.node);
    const Reply reply = client.call(
        {.operation = "RELOAD", .properties = {{"type", "org.amqp.management"}, {"name", "self"}}});
    if (options.json) {
        fmt::print("{}\n", reply.body.dump(2));
        return Exit::kOk;
    }
    const Json changes = reply.body.value("changes", Json::array());
    for (const Json& change : changes) {
        fmt::print("{}\n", to_text(change));
    }
    if (changes.empty()) {
        fmt::print("nothing has changed\n");
    }
    for (const Json& attribute : reply.body.value("needsRestart", Json::array())) {
        fmt::print("router: {} changes with the next start\n", to_text(attribute));
    }
    return Exit::kOk;
}

struct DrainOptions {
    NodeOptions node;
    bool undo = false;
    double wait_s = 0;
};

std::string drain_state(ManagementClient& client) {
    const Rows rows = client.query("router", {"operState"});
    return to_text(rows.at(0, "operState"));
}

Exit drain(const DrainOptions& options) {
    ManagementClient client(options.node);
    client.call({.operation = "UPDATE",
                 .properties = {{"type", long_type("router")}, {"identity", "1"}},
                 .body = {{"adminState", options.undo ? "running" : "draining"}}});
    const std::string wanted = options.undo ? "running" : "drained";
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::duration<double>(options.wait_s);
    std::string state = drain_state(client);
    while (state != wanted && std::chrono::steady_clock::now() < end) {
        constexpr int kPauseMs = 100;
        poll(nullptr, 0, kPauseMs);
        state = drain_state(client);
    }
    fmt::print("{}\n", state);
    return options.wait_s > 0 && state != wanted ? Exit::kFailed : Exit::kOk;
}

void add_drain(CLI::App& app, Action& chosen) {
    CLI::App* command = app.add_subcommand(
        "drain", "Lead traffic around a node, so that it can be stopped without anyone noticing");
    auto options = std::make_shared<DrainOptions>();
    add_node_options(*command, options->node, Reach::kAnyNode);
    command->add_flag("--undo", options->undo, "Take part in the mesh again");
    command->add_option("--wait", options->wait_s, "Wait so many seconds for it to be drained")
        ->check(positive);
    command->footer(
        "Prints the state: running, draining or drained. With --wait it ends with 1 unless the\n"
        "node has got there in time.");
    command->callback([options, &chosen] { chosen = [options] { return drain(*options); }; });
}

}  // namespace

void add_tool_commands(CLI::App& app, Action& chosen) {
    CLI::App* check =
        app.add_subcommand("check-config", "Validate a configuration file, starting nothing");
    auto file = std::make_shared<std::string>();
    check->add_option("file", *file, "Configuration file")->required();
    check->callback([file, &chosen] { chosen = [file] { return check_config(*file); }; });

    CLI::App* again = app.add_subcommand(
        "reload", "Have a node read its configuration file again and apply what changed");
    auto options = std::make_shared<ReloadOptions>();
    add_node_options(*again, options->node, Reach::kAnyNode);
    again->add_flag("--json", options->json, "Print JSON");
    again->callback([options, &chosen] { chosen = [options] { return reload(*options); }; });

    add_drain(app, chosen);

    CLI::App* completion =
        app.add_subcommand("completion", "Print a completion script for a shell");
    completion->add_option("shell", "Shell")->required()->check(CLI::IsMember({"bash"}));
    completion->footer("source <(amqmesh completion bash)");
    completion->callback([&app, &chosen] {
        chosen = [&app] {
            fmt::print("{}", bash_completion(app));
            return Exit::kOk;
        };
    });

    CLI::App* manual = app.add_subcommand("man", "Print the manual page (roff)");
    manual->footer("amqmesh man | man -l -");
    manual->callback([&app, &chosen] {
        chosen = [&app] {
            fmt::print("{}", man_page(app));
            return Exit::kOk;
        };
    });
}

}  // namespace amqmesh::cli
