// What deliveries wait for: the tables of the nodes that take part, put into sentences. Pure.
#pragma once

#include "mgmt/cli/json.h"
#include "mgmt/cli/management_client.h"

#include <string>
#include <string_view>
#include <vector>

namespace amqmesh::cli {

/// What one node says. All tables with every column that the functions below read.
struct NodeTables {
    std::string id;
    Rows addresses, links, connections;
};

/// Attributes of router.address, router.link and connection that are needed.
const std::vector<std::string>& why_address_columns();
const std::vector<std::string>& why_link_columns();
const std::vector<std::string>& why_connection_columns();

struct Finding {
    std::string node;
    bool waits =
        false;  ///< something waits because of this; otherwise said to complete the picture
    std::string text;
};

/// Key of the address that the user means ("orders" -> "M0orders"): of those in the tables, or as
/// a mobile one.
std::string key_of_address(std::string_view address, const std::vector<NodeTables>& nodes);

/// Other routers that have consumers of the address, as `node` knows.
std::vector<std::string> consuming_routers(const NodeTables& node, const std::string& key);

/// Findings about an address in the order of a message's way: senders, the mesh, consumers.
std::vector<Finding> why_address(const std::string& key, const std::vector<NodeTables>& nodes);
/// About one link of the first node; empty: there is no such link.
std::vector<Finding> why_link(const std::string& identity, const std::vector<NodeTables>& nodes);

Json findings_json(const std::vector<Finding>& findings);
std::string findings_text(const std::vector<Finding>& findings);

}  // namespace amqmesh::cli
