// Management requests made, and responses read, by Proton's codec: an opinion of its own about what
// our codec does.
#pragma once

#include "mgmt/value.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace amqmesh::mgmt::test {

struct Uuid {
    std::string bytes;  ///< 16
    friend bool operator==(const Uuid&, const Uuid&) = default;
};

struct Binary {
    std::string bytes;
    friend bool operator==(const Binary&, const Binary&) = default;
};

/// AMQP 3.2.11; monostate: none.
using MessageId = std::variant<std::monostate, std::string, std::uint64_t, Uuid, Binary>;

struct RequestSpec {
    std::string operation = "QUERY";
    Map properties{};  ///< besides the operation
    Value body = Map{};
    std::string reply_to = "amqp:/_topo/0/A/temp.1";
    MessageId correlation_id = std::string{"7"};
    MessageId message_id{};
};

std::string encode(const RequestSpec& spec);

struct Response {
    std::string address;
    MessageId correlation_id;
    std::int64_t code = 0;
    std::string text;
    Value body;
    bool durable = true;
};

/// nullopt: Proton does not understand it.
std::optional<Response> decode(const std::string& message);

}  // namespace amqmesh::mgmt::test
