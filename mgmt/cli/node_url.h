// amqp://[USER[:PASSWORD]@]HOST[:PORT], as --node takes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace amqmesh::cli {

struct NodeUrl {
    bool tls = false;
    std::string user, password;  ///< percent-decoded; empty: none
    std::string host;            ///< IPv6 without its brackets
    std::string port;            ///< a number as text; 5672 or 5671 when none was given

    /// "amqp://host:port", without user and password.
    [[nodiscard]] std::string shown() const;
};

/// None when `text` is no such URL. The scheme may be left out; a path is ignored.
std::optional<NodeUrl> parse_node_url(std::string_view text);

}  // namespace amqmesh::cli
