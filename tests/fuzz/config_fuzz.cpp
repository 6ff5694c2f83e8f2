#include "tests/fuzz/config_fuzz.h"

#include "router/configuration.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace amqmesh::fuzz {

namespace {

void require(bool holds, const char* promise) {
    if (!holds) {
        std::fprintf(stderr, "broken promise: %s\n", promise);
        std::abort();
    }
}

}  // namespace

void feed_config(std::span<const std::byte> input) {
    const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
    const auto lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 2;
    const router::LoadedConfiguration loaded = router::load_configuration(text, 4);
    for (const router::ConfigProblem& problem : loaded.problems) {
        require(!problem.message.empty(), "a problem says what it is");
        require(problem.line <= lines, "a problem's line is in the file");
    }
    if (!loaded.ok()) {
        return;
    }
    const router::Configuration& node = loaded.configuration;
    require(!node.id.empty() && node.id.size() <= 64, "the router has an id within its bounds");
    require(node.workers >= 1, "there is a worker");
    require(node.listeners.size() == node.listener_rows.size() &&
                node.connectors.size() == node.connector_rows.size() &&
                node.addresses.size() == node.address_rows.size() &&
                node.logs.size() == node.log_rows.size(),
            "every entity has its row");
    for (const router::ListenerConfig& listener : node.listeners) {
        require(!listener.name.empty(), "a listener has a name");
        require(listener.max_frame_size >= 512, "frames are not smaller than AMQP allows");
        require(node.mode == router::RouterMode::kInterior ||
                    listener.role != link::ConnectionRole::kInterRouter,
                "a standalone router has no mesh");
    }
}

}  // namespace amqmesh::fuzz
