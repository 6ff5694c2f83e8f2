// Questions to a node's $management, asked one at a time and answered in order.
//
// AMQP is spoken by a Proton container on a thread of its own; calls here block until the answer,
// an error or the time limit. The wire protocol is AMQP Management as the reference router speaks
// it: request by an anonymous link with `to`, reply to a dynamic source, matched by correlation-id.
#pragma once

#include "mgmt/cli/connection.h"
#include "mgmt/cli/json.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amqmesh::cli {

class ManagementDriver;

struct Request {
    std::string operation;                                 ///< e.g. "QUERY"
    std::vector<std::pair<std::string, Json>> properties;  ///< application properties besides it
    Json body = Json::object();
};

struct Reply {
    int code = 0;
    std::string description;
    Json body;
};

/// Answer of a QUERY: a table with named columns.
struct Rows {
    std::vector<std::string> columns;
    std::vector<std::vector<Json>> rows;

    /// Cell by attribute name; null where the row or the agent has none.
    [[nodiscard]] const Json& at(std::size_t row, std::string_view column) const;
};

/// "router.link" -> "org.apache.qpid.dispatch.router.link"; names with "org." stay.
std::string long_type(const std::string& type);

/// Management address of `router` as seen from any node; of the connected node when empty.
std::string management_address(const std::string& router);

class ManagementClient {
  public:
    /// Connects. Throws Failure(kCannotConnect) when that does not work within the time limit.
    explicit ManagementClient(const NodeOptions& node);
    ~ManagementClient();
    ManagementClient(const ManagementClient&) = delete;
    ManagementClient& operator=(const ManagementClient&) = delete;

    /// Sends to options.router (or another node given) and waits. Throws Failure(kFailed) when the
    /// answer does not come, the node is not reachable, or the answer's code is not 2xx.
    Reply call(const Request& request);
    Reply call(const Request& request, const std::string& router);

    /// All rows of a type (empty: of every type), page by page. No attributes: all of them.
    Rows query(const std::string& type, const std::vector<std::string>& attributes = {});
    Rows query(const std::string& type,
               const std::vector<std::string>& attributes,
               const std::string& router,
               std::size_t limit = 0);

  private:
    NodeOptions node_;
    std::unique_ptr<ManagementDriver> driver_;
};

}  // namespace amqmesh::cli
