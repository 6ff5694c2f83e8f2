#include "mgmt/cli/management_client.h"

#include "mgmt/cli/failure.h"
#include "mgmt/cli/management_driver.h"

#include <fmt/format.h>

#include <algorithm>

namespace amqmesh::cli {

namespace {

constexpr std::size_t kPageRows = 500;  // what every agent is known to serve in one answer
constexpr std::string_view kTypePrefix = "org.apache.qpid.dispatch.";

Request page_request(const std::string& type,
                     const std::vector<std::string>& attributes,
                     std::size_t offset,
                     std::size_t count) {
    Request request{.operation = "QUERY",
                    .properties = {{"type", "org.amqp.management"},
                                   {"name", "self"},
                                   {"offset", offset},
                                   {"count", count}}};
    if (!type.empty()) {
        request.properties.emplace_back("entityType", long_type(type));
    }
    request.body["attributeNames"] = attributes;
    return request;
}

/// Appends the rows of one answer; how many there were.
std::size_t append_page(const Json& body, Rows& all) {
    if (!body.is_object() || !body.contains("attributeNames") || !body.contains("results") ||
        !body["attributeNames"].is_array() || !body["results"].is_array()) {
        throw Failure(Exit::kFailed, "the answer to QUERY is not a table; is this an AMQP router?");
    }
    if (all.columns.empty()) {
        for (const Json& name : body["attributeNames"]) {
            all.columns.push_back(to_text(name));
        }
    }
    for (const Json& row : body["results"]) {
        std::vector<Json> cells =
            row.is_array() ? row.get<std::vector<Json>>() : std::vector<Json>{};
        cells.resize(all.columns.size());
        all.rows.push_back(std::move(cells));
    }
    return body["results"].size();
}

}  // namespace

const Json& Rows::at(std::size_t row, std::string_view column) const {
    static const Json kNull;
    const auto found = std::find(columns.begin(), columns.end(), column);
    if (found == columns.end() || row >= rows.size()) {
        return kNull;
    }
    return rows[row][static_cast<std::size_t>(found - columns.begin())];
}

std::string long_type(const std::string& type) {
    return type.empty() || type.rfind("org.", 0) == 0 ? type : std::string(kTypePrefix) + type;
}

std::string management_address(const std::string& router) {
    return router.empty() ? "$management" : fmt::format("_topo/0/{}/$management", router);
}

ManagementClient::ManagementClient(const NodeOptions& node)
    : node_(node), driver_(std::make_unique<ManagementDriver>(node)) {
    driver_->wait_ready();
}

ManagementClient::~ManagementClient() = default;

Reply ManagementClient::call(const Request& request) {
    return call(request, node_.router);
}

Reply ManagementClient::call(const Request& request, const std::string& router) {
    Reply reply = driver_->exchange(request, router);
    if (reply.code < 200 || reply.code > 299) {
        throw Failure(Exit::kFailed,
                      fmt::format("{}: {} {}", request.operation, reply.code, reply.description));
    }
    return reply;
}

Rows ManagementClient::query(const std::string& type, const std::vector<std::string>& attributes) {
    return query(type, attributes, node_.router);
}

Rows ManagementClient::query(const std::string& type,
                             const std::vector<std::string>& attributes,
                             const std::string& router,
                             std::size_t limit) {
    Rows all;
    for (;;) {
        const std::size_t left = limit == 0 ? kPageRows : limit - all.rows.size();
        const std::size_t count = std::min(kPageRows, left);
        const Reply reply = call(page_request(type, attributes, all.rows.size(), count), router);
        const std::size_t got = append_page(reply.body, all);
        // An agent that ignores `count` has sent everything; one that honours it says the end by
        // a short page.
        if (got != count || (limit != 0 && all.rows.size() >= limit)) {
            break;
        }
    }
    if (limit != 0 && all.rows.size() > limit) {
        all.rows.resize(limit);
    }
    return all;
}

}  // namespace amqmesh::cli
