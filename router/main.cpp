// amqmeshd: one router of the mesh.
#include "link/process_memory.h"
#include "router/configuration.h"
#include "router/daemon.h"
#include "router/log.h"

#include <CLI/CLI.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace amqmesh::router {
namespace {

struct Arguments {
    std::string config;
    std::string check;
    std::string record;
};

// Every connection needs a descriptor: take all that the system allows.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// Prints what was found about the file; nothing if it cannot be used.
std::optional<Configuration> load(const std::string& path) {
    LoadedConfiguration loaded =
        load_configuration_file(path, std::max(std::thread::hardware_concurrency(), 1U));
    for (const ConfigProblem& problem : loaded.problems) {
        std::fprintf(stderr, "%s\n", to_string(problem, path).c_str());
    }
    if (!loaded.ok()) {
        return std::nullopt;
    }
    return std::move(loaded.configuration);
}

int fail(const std::string& why) {
    std::fprintf(stderr, "amqmeshd: %s\n", why.c_str());
    return 1;
}

int check(const std::string& path) {
    const std::optional<Configuration> configuration = load(path);
    if (!configuration) {
        return 1;
    }
    const auto count = [](std::size_t number, const std::string& what) {
        return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
    };
    std::printf("%s: ok (router %s, %s, %s, %zu address%s)\n",
                path.c_str(),
                configuration->id.c_str(),
                count(configuration->listeners.size(), "listener").c_str(),
                count(configuration->connectors.size(), "connector").c_str(),
                configuration->addresses.size(),
                configuration->addresses.size() == 1 ? "" : "es");
    return 0;
}

int serve(const std::string& path, const std::string& record) {
    std::optional<Configuration> configuration = load(path);
    if (!configuration) {
        return 1;
    }
    configuration->record = record;
    std::string why;
    if (!log::configure(configuration->logs, why)) {
        return fail(why);
    }
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    link::keep_freed_memory();
    log::emit(log::Module::kRouter,
              log::Level::kNotice,
              "STARTING",
              "id={} version={} workers={}",
              configuration->id,
              AMQMESH_VERSION,
              configuration->workers);
    Daemon daemon(*std::move(configuration));
    if (!daemon.open(why)) {
        return fail(why);
    }
    // Beyond this point nothing that a peer or the network does ends the process.
    daemon.run();
    log::flush();
    return 0;
}

int run(int argc, char** argv) {
    Arguments arguments;
    CLI::App app{"Amqmesh: a node of an AMQP 1.0 router mesh", "amqmeshd"};
    app.set_version_flag("--version,-v", std::string{"amqmeshd " AMQMESH_VERSION});
    auto* config =
        app.add_option("--config,-c", arguments.config, "configuration file to run with");
    auto* checked =
        app.add_option("--check", arguments.check, "validate a configuration file and exit");
    config->excludes(checked);
    app.add_option("--record",
                   arguments.record,
                   "write all events of the routing core to this file, to be handled again by "
                   "amqmesh-sim --playback")
        ->needs(config)
        ->option_text("FILE");
    app.require_option(1, 2);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        constexpr int kUsage = 2;
        const int code = app.exit(error);
        if (argc == 2 && argv[1][0] != '-' && argv[1][0] != '\0') {
            std::fprintf(stderr, "did you mean amqmeshd --config %s?\n", argv[1]);
        }
        return code == 0 ? 0 : kUsage;  // --help and --version are no errors
    }
    return arguments.check.empty() ? serve(arguments.config, arguments.record)
                                   : check(arguments.check);
}

}  // namespace
}  // namespace amqmesh::router

int main(int argc, char** argv) {
    try {
        return amqmesh::router::run(argc, argv);
    } catch (const std::exception& error) {
        // Only the start can throw: no memory, no thread, no descriptor.
        std::fprintf(stderr, "amqmeshd: %s\n", error.what());
        return 1;
    }
}
