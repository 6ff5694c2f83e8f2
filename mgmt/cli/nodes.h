// What --all-nodes means: which nodes there are, and asking one after the other.
#pragma once

#include "mgmt/cli/failure.h"
#include "mgmt/cli/management_client.h"

#include <functional>
#include <string>
#include <vector>

namespace amqmesh::cli {

/// Ids of all nodes of the mesh; of a standalone node only itself, as "".
std::vector<std::string> mesh_nodes(ManagementClient& client);

/// Does `ask` for each id. A node that does not answer is told on standard error, and the others
/// are asked all the same; kFailed then. A single one's failure is thrown as it is.
Exit for_each_node(const std::vector<std::string>& ids,
                   const std::function<void(const std::string& id)>& ask);

}  // namespace amqmesh::cli
