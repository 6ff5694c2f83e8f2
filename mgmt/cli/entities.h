// What the commands about entities do: query, read, create, update, delete, schema, log, call.
#pragma once

#include "mgmt/cli/connection.h"
#include "mgmt/cli/failure.h"

#include <cstddef>
#include <string>
#include <vector>

namespace amqmesh::cli {

struct EntityOptions {
    NodeOptions node;
    std::string type;
    std::string name;
    std::string identity;
    std::vector<std::string> attributes;  ///< names for query, NAME=VALUE for create and update
    std::string body;                     ///< for call: JSON
    bool from_stdin = false;
    bool all_nodes = false;
    bool json = false;
    bool csv = false;
    std::size_t limit = 0;
};

Exit query(const EntityOptions& options);
/// READ, UPDATE or DELETE.
Exit one_entity(const char* operation, EntityOptions options);
Exit create(const EntityOptions& options);
/// GET-… of the management node itself; `type` narrows it to one entity type.
Exit ask(const char* operation, const EntityOptions& options);
Exit show_schema(const EntityOptions& options);
/// Any operation, also one that this tool does not know.
Exit call(const std::string& operation, const EntityOptions& options);
Exit show_log(const EntityOptions& options);

}  // namespace amqmesh::cli
