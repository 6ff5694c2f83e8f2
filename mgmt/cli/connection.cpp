#include "mgmt/cli/connection.h"

#include "mgmt/cli/failure.h"

#include <fmt/format.h>
#include <proton/connection_options.hpp>
#include <proton/duration.hpp>
#include <proton/error_condition.hpp>
#include <proton/ssl.hpp>

#include <unistd.h>

namespace amqmesh::cli {

namespace {

constexpr std::int64_t kIdleTimeoutMs = 30'000;

}  // namespace

NodeUrl NodeOptions::url() const {
    const std::optional<NodeUrl> parsed = parse_node_url(node);
    if (!parsed) {
        throw Failure(Exit::kUsage, fmt::format("--node {}: expected amqp://HOST:PORT", node));
    }
    return *parsed;
}

proton::connection_options client_options(const NodeOptions& node) {
    const NodeUrl url = node.url();
    proton::connection_options options;
    options.container_id(fmt::format("amqmesh-{}", getpid()));
    options.idle_timeout(proton::duration(kIdleTimeoutMs));
    if (url.user.empty()) {
        options.sasl_allowed_mechs("ANONYMOUS");
    } else {
        // PLAIN was asked for by giving a name; without TLS Proton wants that said explicitly.
        options.user(url.user).password(url.password).sasl_allow_insecure_mechs(true);
    }
    if (url.tls) {
        options.ssl_client_options(proton::ssl_client_options());
    }
    return options;
}

std::string describe(const proton::error_condition& error) {
    if (error.empty()) {
        return {};
    }
    return error.description().empty() ? error.name()
                                       : fmt::format("{} ({})", error.description(), error.name());
}

std::string connection_error(const NodeOptions& node, const proton::error_condition& error) {
    const std::string what = error.description().empty() ? error.name() : error.description();
    if (what.find("onnection refused") != std::string::npos) {
        return fmt::format("cannot connect to {}: connection refused; is a node listening there?",
                           node.shown());
    }
    return fmt::format("connection to {} failed: {}", node.shown(), what);
}

}  // namespace amqmesh::cli
