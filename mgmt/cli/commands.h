// The tool's commands, by group. Each function adds its commands to the command line; the one the
// user names stores what is to be done in `chosen`, and main() does it.
#pragma once

#include "mgmt/cli/connection.h"
#include "mgmt/cli/failure.h"

#include <functional>

namespace CLI {
class App;
}

namespace amqmesh::cli {

using Action = std::function<Exit()>;

/// topology, addresses, connections, links, stats.
void add_inspection_commands(CLI::App& app, Action& chosen);
/// query, read, create, update, delete, types, schema, log.
void add_entity_commands(CLI::App& app, Action& chosen);
/// why, watch.
void add_live_commands(CLI::App& app, Action& chosen);
/// check-config, reload, drain, completion, man.
void add_tool_commands(CLI::App& app, Action& chosen);
/// send, receive, request, bench.
void add_traffic_commands(CLI::App& app, Action& chosen);

/// --node, --timeout and, where it means something, --router.
enum class Reach : bool { kNodeOnly, kAnyNode };
void add_node_options(CLI::App& command, NodeOptions& node, Reach reach);

}  // namespace amqmesh::cli
