// Where the tool connects to and how it says that it could not.
#pragma once

#include "mgmt/cli/node_url.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace proton {
class connection_options;
class error_condition;
}  // namespace proton

namespace amqmesh::cli {

/// What every command takes.
struct NodeOptions {
    std::string node = "amqp://127.0.0.1:5672";
    std::string router;     ///< ask this node through the other; empty: the node itself
    double timeout_s = 10;  ///< for a connection, for an answer, for the next sign of progress

    [[nodiscard]] std::chrono::milliseconds timeout() const {
        return std::chrono::milliseconds(static_cast<std::int64_t>(timeout_s * 1000));
    }

    /// Throws Failure(kUsage) when `node` is no amqp:// or amqps:// URL.
    [[nodiscard]] NodeUrl url() const;

    /// The URL without user and password.
    [[nodiscard]] std::string shown() const { return url().shown(); }
};

/// Options of a client connection to `node`: SASL by what the URL says, TLS for amqps.
proton::connection_options client_options(const NodeOptions& node);

/// A sentence for a connection that failed or was closed with an error.
std::string connection_error(const NodeOptions& node, const proton::error_condition& error);

/// Name and description of a condition as one line; empty for none.
std::string describe(const proton::error_condition& error);

}  // namespace amqmesh::cli
