#include "mgmt/cli/nodes.h"

#include <fmt/format.h>

#include <cstdio>

namespace amqmesh::cli {

std::vector<std::string> mesh_nodes(ManagementClient& client) {
    std::vector<std::string> ids;
    const Reply reply = client.call(
        {.operation = "GET-MGMT-NODES", .properties = {{"type", "org.amqp.management"}}});
    for (const Json& address : reply.body) {
        // amqp:/_topo/0/<id>/$management
        const std::string text = to_text(address);
        const std::string start = "amqp:/_topo/0/";
        const std::size_t end = text.rfind('/');
        if (text.rfind(start, 0) == 0 && end > start.size()) {
            ids.push_back(text.substr(start.size(), end - start.size()));
        }
    }
    if (ids.empty()) {
        ids.emplace_back();
    }
    return ids;
}

Exit for_each_node(const std::vector<std::string>& ids,
                   const std::function<void(const std::string& id)>& ask) {
    if (ids.size() == 1) {
        ask(ids.front());
        return Exit::kOk;
    }
    Exit exit = Exit::kOk;
    for (const std::string& id : ids) {
        try {
            ask(id);
        } catch (const Failure& failure) {
            if (failure.code() == Exit::kCannotConnect) {
                throw;  // the node that all are asked through is gone
            }
            std::fflush(stdout);
            fmt::print(stderr, "amqmesh: {}: {}\n", id, failure.what());
            exit = Exit::kFailed;
        }
    }
    return exit;
}

}  // namespace amqmesh::cli
